// GET /v1/image-checks: newest first, of one image or of all
import { z } from 'zod';
import { imageCheckSchema } from '../../protocol/image-check.ts';
import { nameSchema } from '../../protocol/scenario.ts';
import { listImageChecks } from '../image-checks/image-checks.ts';
import type { Route } from '../route.ts';

const querySchema = z.strictObject({
  image: nameSchema.exactOptional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

export const getImageChecks: Route = {
  method: 'GET',
  path: '/v1/image-checks',
  access: 'viewer',
  doc: {
    summary: 'What checks of images have found, and those that wait; newest first',
    query: querySchema,
    answer: z.array(imageCheckSchema),
  },
  handle: ({ db }, request) => listImageChecks(db, querySchema.parse(request.query)),
};
