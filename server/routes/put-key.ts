// PUT /v1/keys/:id: keeps a wrapped key beside the images

import { maxKeyObjectBytes } from '../../imaging/crypt/key-object.ts';
import { storedKeySchema } from '../../protocol/rest.ts';
import { bodyBytes, pathParameter, type Route } from '../route.ts';

export const putKey: Route = {
  method: 'PUT',
  path: '/v1/keys/:id',
  access: 'operator',
  doc: { summary: 'Store a wrapped key', body: 'application/octet-stream', answer: storedKeySchema, status: 201 },
  maxBodyBytes: maxKeyObjectBytes,
  async handle({ store }, request, _caller, reply) {
    const id = pathParameter(request, 'id');
    await store.putKey(id, bodyBytes(request));
    request.log.info({ key: id }, 'key stored');
    reply.code(201);
    return { id };
  },
};
