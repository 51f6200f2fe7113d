// GET /v1/images/:name/manifest
import { nameSchema } from '../../protocol/scenario.ts';
import { pathParameter, type Route } from '../route.ts';

export const getImageManifest: Route = {
  method: 'GET',
  path: '/v1/images/:name/manifest',
  access: 'job',
  doc: { summary: "An image's manifest", answer: 'application/octet-stream' },
  async handle({ store }, request, caller, reply) {
    const name = nameSchema.parse(pathParameter(request, 'name'));
    if (caller.kind === 'agent') await caller.require(({ images }) => images.requireReadable(name));
    const manifest = await store.getManifest(name);
    reply.type('application/octet-stream');
    return manifest;
  },
};
