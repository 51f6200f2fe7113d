// DELETE /v1/images/:name
import { nameSchema } from '../../protocol/scenario.ts';
import { forgetImageChecks } from '../image-checks/image-checks.ts';
import { pathParameter, type Route } from '../route.ts';

export const deleteImage: Route = {
  method: 'DELETE',
  path: '/v1/images/:name',
  access: 'operator',
  doc: { summary: 'Delete an image; its chunks go with the next garbage collection' },
  async handle({ db, store }, request) {
    const name = nameSchema.parse(pathParameter(request, 'name'));
    await store.deleteManifest(name);
    await forgetImageChecks(db, name);
  },
};
