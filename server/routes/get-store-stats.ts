// GET /v1/store/stats
import type { Route } from '../route.ts';

export const getStoreStats: Route = {
  method: 'GET',
  path: '/v1/store/stats',
  access: 'viewer',
  handle: ({ store }) => store.stats(),
};
