// GET /v1/me: whom the token speaks for, and what it may
import { meSchema } from '../../protocol/people.ts';
import { listGrants } from '../people/grants.ts';
import { findUser, toUser } from '../people/users.ts';
import type { Route } from '../route.ts';

export const getMe: Route = {
  method: 'GET',
  path: '/v1/me',
  access: 'none',
  doc: { summary: 'Who is asking, and what they may', answer: meSchema },
  async handle({ db }, _request, caller) {
    if (caller.kind !== 'person') return undefined;
    const user = caller.userId === null ? null : toUser(await findUser(db, caller.userId));
    const grants = caller.userId === null ? [] : await listGrants(db, caller.userId);
    return { name: caller.name, role: caller.role, user, grants };
  },
};
