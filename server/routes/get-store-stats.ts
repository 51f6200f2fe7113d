// GET /v1/store/stats
import { storeStatsSchema } from '../../protocol/rest.ts';
import type { Route } from '../route.ts';

export const getStoreStats: Route = {
  method: 'GET',
  path: '/v1/store/stats',
  access: 'viewer',
  doc: { summary: "The image store's figures", answer: storeStatsSchema },
  handle: ({ store }) => store.stats(),
};
