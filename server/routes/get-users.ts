// GET /v1/users
import { z } from 'zod';
import { userSchema } from '../../protocol/people.ts';
import { listUsers } from '../people/users.ts';
import type { Route } from '../route.ts';

export const getUsers: Route = {
  method: 'GET',
  path: '/v1/users',
  access: 'administrator',
  doc: { summary: 'All users, in order of name', answer: z.array(userSchema) },
  handle: ({ db }) => listUsers(db),
};
