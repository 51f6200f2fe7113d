// GET /metrics: for Prometheus
import { writeMetrics } from '../metrics/write-metrics.ts';
import type { Route } from '../route.ts';

const contentType = 'text/plain; version=0.0.4; charset=utf-8';

export const getMetrics: Route = {
  method: 'GET',
  path: '/metrics',
  access: 'viewer',
  doc: { summary: 'Figures for Prometheus', answer: 'text/plain' },
  async handle(context, _request, _caller, reply) {
    reply.type(contentType);
    return writeMetrics(context);
  },
};
