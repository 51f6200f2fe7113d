// GET /v1/audit[?limit=&before=]: who did what, newest first

import { z } from 'zod';
import { auditPageSchema } from '../../protocol/people.ts';
import { readAudit } from '../people/audit-log.ts';
import type { Route } from '../route.ts';

const querySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  before: z.string().max(64).exactOptional(),
});

export const getAudit: Route = {
  method: 'GET',
  path: '/v1/audit',
  access: 'administrator',
  doc: { summary: 'What people did, newest first', query: querySchema, answer: auditPageSchema },
  handle: ({ db }, request) => readAudit(db, querySchema.parse(request.query)),
};
