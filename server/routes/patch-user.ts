// PATCH /v1/users/:id: password, role, disabled
import { userPatchSchema, userSchema } from '../../protocol/people.ts';
import { changeUser } from '../people/users.ts';
import { pathParameter, type Route } from '../route.ts';

export const patchUser: Route = {
  method: 'PATCH',
  path: '/v1/users/:id',
  access: 'administrator',
  doc: { summary: "Change a user's password or role, or disable them", body: userPatchSchema, answer: userSchema },
  handle: ({ db }, request) => changeUser(db, pathParameter(request, 'id'), userPatchSchema.parse(request.body)),
};
