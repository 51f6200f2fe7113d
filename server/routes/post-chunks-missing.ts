// POST /v1/chunks/missing
import { missingAnswerSchema, missingRequestSchema } from '../../protocol/rest.ts';
import type { Route } from '../route.ts';

export const postChunksMissing: Route = {
  method: 'POST',
  path: '/v1/chunks/missing',
  access: 'storing-job',
  doc: {
    summary: 'Which of these chunks does the store lack?',
    body: missingRequestSchema,
    answer: missingAnswerSchema,
  },
  async handle({ store }, request) {
    const { digests } = missingRequestSchema.parse(request.body);
    return { missing: await store.findMissing(digests) };
  },
};
