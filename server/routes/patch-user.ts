// PATCH /v1/users/:id: password, role, disabled
import { userPatchSchema } from '../../protocol/people.ts';
import { changeUser } from '../people/users.ts';
import { pathParameter, type Route } from '../route.ts';

export const patchUser: Route = {
  method: 'PATCH',
  path: '/v1/users/:id',
  access: 'administrator',
  handle: ({ db }, request) => changeUser(db, pathParameter(request, 'id'), userPatchSchema.parse(request.body)),
};
