// DELETE /v1/users/:id
import { deleteUser } from '../people/users.ts';
import { pathParameter, type Route } from '../route.ts';

export const deleteUserRoute: Route = {
  method: 'DELETE',
  path: '/v1/users/:id',
  access: 'administrator',
  doc: { summary: 'Remove a user with all tokens' },
  handle: ({ db }, request) => deleteUser(db, pathParameter(request, 'id')),
};
