// DELETE /v1/images/:name
import { nameSchema } from '../../protocol/scenario.ts';
import { pathParameter, type Route } from '../route.ts';

export const deleteImage: Route = {
  method: 'DELETE',
  path: '/v1/images/:name',
  access: 'operator',
  doc: { summary: 'Delete an image; its chunks go with the next garbage collection' },
  handle: ({ store }, request) => store.deleteManifest(nameSchema.parse(pathParameter(request, 'name'))),
};
