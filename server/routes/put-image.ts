// PUT /v1/images/:name: a manifest makes its image visible

import { forgetOlderEscrows } from '../../imaging/escrow.ts';
import { isEscrowName } from '../../imaging/manifest/image-name.ts';
import { maxManifestBytes } from '../../imaging/manifest/signed-json.ts';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { DeployError } from '../../protocol/errors.ts';
import { storedImageSchema } from '../../protocol/rest.ts';
import { nameSchema } from '../../protocol/scenario.ts';
import { bodyBytes, pathParameter, type Route } from '../route.ts';

export const putImage: Route = {
  method: 'PUT',
  path: '/v1/images/:name',
  access: 'storing-job',
  doc: {
    summary: "Store an image's manifest: from then on the image is there",
    body: 'application/octet-stream',
    answer: storedImageSchema,
    status: 201,
  },
  maxBodyBytes: maxManifestBytes,
  async handle({ store }, request, caller, reply) {
    const name = nameSchema.parse(pathParameter(request, 'name'));
    if (caller.kind === 'agent') await caller.require(({ images }) => images.requireOwn(name));
    await putOnce(store, name, bodyBytes(request));
    if (isEscrowName(name)) await forgetOlderEscrows(store, name);
    request.log.info({ image: name }, 'image stored');
    reply.code(201);
    return { name };
  },
};

/** The same bytes again are the repetition of a request whose answer was lost, and as good as the first time. */
async function putOnce(store: ChunkStore, name: string, manifest: Buffer): Promise<void> {
  try {
    await store.putManifest(name, manifest);
  } catch (thrown) {
    if (!(thrown instanceof DeployError) || thrown.code !== 'image-exists') throw thrown;
    if (!(await store.getManifest(name)).equals(manifest)) throw thrown;
  }
}
