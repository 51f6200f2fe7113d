// GET /v1/groups
import { listGroups } from '../groups/groups.ts';
import type { Route } from '../route.ts';

export const getGroups: Route = {
  method: 'GET',
  path: '/v1/groups',
  access: 'viewer',
  handle: ({ db }) => listGroups(db),
};
