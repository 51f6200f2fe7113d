// DELETE /v1/keys/:id
import { removeKey } from '../../imaging/crypt/manage-keys.ts';
import { pathParameter, type Route } from '../route.ts';

export const deleteKey: Route = {
  method: 'DELETE',
  path: '/v1/keys/:id',
  access: 'operator',
  doc: { summary: 'Remove a wrapped key; the last one that opens a data key is kept' },
  async handle({ store }, request) {
    const id = pathParameter(request, 'id');
    await removeKey(store, id);
    request.log.info({ key: id }, 'key removed');
  },
};
