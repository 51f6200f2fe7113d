// GET /v1/users
import { listUsers } from '../people/users.ts';
import type { Route } from '../route.ts';

export const getUsers: Route = {
  method: 'GET',
  path: '/v1/users',
  access: 'administrator',
  handle: ({ db }) => listUsers(db),
};
