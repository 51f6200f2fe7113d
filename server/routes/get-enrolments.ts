// GET /v1/enrolments
import { z } from 'zod';
import { enrolmentSchema } from '../../protocol/medium.ts';
import { listEnrolments } from '../enrolments/enrolments.ts';
import type { Route } from '../route.ts';

export const getEnrolments: Route = {
  method: 'GET',
  path: '/v1/enrolments',
  access: 'operator',
  doc: { summary: 'All enrolments, without their secrets', answer: z.array(enrolmentSchema) },
  handle: ({ db }) => listEnrolments(db),
};
