// DELETE /v1/grants/:user/:group
import { deleteGrant as deleteFromDatabase } from '../people/grants.ts';
import { pathParameter, type Route } from '../route.ts';

export const deleteGrant: Route = {
  method: 'DELETE',
  path: '/v1/grants/:user/:group',
  access: 'administrator',
  doc: { summary: 'Take away a role on a group of machines' },
  async handle({ db }, request) {
    await deleteFromDatabase(db, pathParameter(request, 'user'), pathParameter(request, 'group'));
    request.log.info({ ...(request.params as object) }, 'role on a group taken away');
  },
};
