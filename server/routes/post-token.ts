// POST /v1/tokens: a token for a script, which speaks for whoever makes it
import { DeployError } from '../../protocol/errors.ts';
import { newTokenSchema, tokenBodySchema } from '../../protocol/people.ts';
import { createApiToken, greatestRole, mayAtLeast } from '../people/person-tokens.ts';
import { findUser } from '../people/users.ts';
import type { Route } from '../route.ts';

export const postToken: Route = {
  method: 'POST',
  path: '/v1/tokens',
  access: 'none',
  doc: {
    summary: 'Make a token for a script; it is told once',
    body: tokenBodySchema,
    answer: newTokenSchema,
    status: 201,
  },
  async handle({ db }, request, caller, reply) {
    if (caller.kind !== 'person' || caller.userId === null) {
      throw new DeployError('forbidden', 'a token speaks for a user', {
        hint: 'Log in as one, with `deploy-os login`, and make it then.',
      });
    }
    const most = greatestRole(caller);
    const { role = most, ...rest } = tokenBodySchema.parse(request.body);
    // Of a token with a lesser role than its user's, too, only lesser ones can be made.
    if (!mayAtLeast(most, role)) throw new DeployError('forbidden', `this token is no ${role}'s`);
    reply.code(201);
    return createApiToken(db, await findUser(db, caller.userId), { ...rest, role });
  },
};
