// GET /v1/ready
import { readinessSchema } from '../../protocol/rest.ts';
import type { Route } from '../route.ts';

export const getReady: Route = {
  method: 'GET',
  path: '/v1/ready',
  access: 'public',
  doc: { summary: 'Can the server do its work? 503 when not, with the reason', answer: readinessSchema },
  async handle(context, _request, _caller, reply) {
    const answer = await context.readiness.read(context);
    reply.code(answer.status === 'ready' ? 200 : 503).header('cache-control', 'no-store');
    return answer;
  },
};
