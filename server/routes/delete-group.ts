// DELETE /v1/groups/:id: its machines stay
import { deleteGroup as deleteFromDatabase } from '../groups/groups.ts';
import { pathParameter, type Route } from '../route.ts';

export const deleteGroup: Route = {
  method: 'DELETE',
  path: '/v1/groups/:id',
  access: 'operator',
  doc: { summary: 'Remove a group; its machines stay' },
  async handle({ db }, request) {
    const { name } = await deleteFromDatabase(db, pathParameter(request, 'id'));
    request.log.info({ group: name }, 'group deleted');
  },
};
