// GET /v1/openapi.json
import type { Route } from '../route.ts';

/** `describe`: the description of the route table that this route stands in. */
export function makeGetOpenApi(describe: () => object): Route {
  let text: string | undefined;
  return {
    method: 'GET',
    path: '/v1/openapi.json',
    access: 'public',
    doc: { summary: 'This description', answer: 'application/json' },
    async handle(_context, _request, _caller, reply) {
      text ??= JSON.stringify(describe());
      reply.type('application/json');
      return text;
    },
  };
}
