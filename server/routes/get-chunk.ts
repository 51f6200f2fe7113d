// GET /v1/chunks/:digest
import { digestSchema } from '../../protocol/rest.ts';
import { pathParameter, type Route } from '../route.ts';

export const getChunk: Route = {
  method: 'GET',
  path: '/v1/chunks/:digest',
  access: 'job',
  doc: { summary: 'A stored chunk', answer: 'application/octet-stream' },
  async handle({ chunks, store }, request, caller, reply) {
    const digest = digestSchema.parse(pathParameter(request, 'digest'));
    if (caller.kind === 'agent') await caller.require(({ images }) => images.requireChunk(digest));
    // Machines that are restored ask for the same at the same time. People check what the store holds now.
    const chunk = await (caller.kind === 'agent' ? chunks.get(digest) : store.getChunk(digest));
    reply.header('cache-control', 'immutable, max-age=31536000').type('application/octet-stream');
    return chunk;
  },
};
