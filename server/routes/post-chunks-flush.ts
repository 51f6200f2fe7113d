// POST /v1/chunks/flush
import type { Route } from '../route.ts';

export const postChunksFlush: Route = {
  method: 'POST',
  path: '/v1/chunks/flush',
  access: 'storing-job',
  doc: { summary: 'Wait until every accepted chunk is durable' },
  handle: ({ store }) => store.flush(),
};
