// The answers of the API, and how much of the images went by.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics } from './metrics.ts';

/** By the route's pattern: of what is asked nothing becomes a label. */
export function countAnswer(metrics: Metrics, request: FastifyRequest, reply: FastifyReply): void {
  const route = request.routeOptions.url ?? 'none';
  const status = `${Math.floor(reply.statusCode / 100)}xx`;
  metrics.count('deploy_os_http_requests_total', { method: request.method, route, status });
  metrics.observeSeconds('deploy_os_http_request_seconds', { route }, reply.elapsedTime / 1000);
  if (!route.startsWith('/v1/chunks') && !route.startsWith('/v1/images')) return;
  metrics.count('deploy_os_data_received_bytes_total', {}, lengthOf(request.headers['content-length']));
  metrics.count('deploy_os_data_sent_bytes_total', {}, lengthOf(reply.getHeader('content-length')));
}

function lengthOf(header: unknown): number {
  const length = Number(header ?? 0);
  return Number.isSafeInteger(length) && length > 0 ? length : 0;
}
