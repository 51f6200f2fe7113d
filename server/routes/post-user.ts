// POST /v1/users
import { userBodySchema, userSchema } from '../../protocol/people.ts';
import { createUser } from '../people/users.ts';
import type { Route } from '../route.ts';

export const postUser: Route = {
  method: 'POST',
  path: '/v1/users',
  access: 'administrator',
  doc: { summary: 'Make a user', body: userBodySchema, answer: userSchema, status: 201 },
  async handle({ db }, request, _caller, reply) {
    const user = await createUser(db, userBodySchema.parse(request.body));
    reply.code(201);
    return user;
  },
};
