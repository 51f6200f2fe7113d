// POST /v1/store/full-stats: what images share, and what deleting each would free; reads every index
import { fullStats } from '../../imaging/store/full-stats.ts';
import { fullStatsRequestSchema } from '../../protocol/rest.ts';
import type { Route } from '../route.ts';

export const postStoreFullStats: Route = {
  method: 'POST',
  path: '/v1/store/full-stats',
  access: 'operator',
  costly: true,
  doc: {
    summary: 'Figures for which every manifest is read; line by line',
    body: fullStatsRequestSchema,
    answer: 'application/x-ndjson',
  },
  async handle({ store, tasks }, request, _caller, reply) {
    fullStatsRequestSchema.parse(request.body);
    return tasks.start(reply, ({ signal }) => fullStats(store, signal));
  },
};
