// GET /v1/enrolments
import { listEnrolments } from '../enrolments/enrolments.ts';
import type { Route } from '../route.ts';

export const getEnrolments: Route = {
  method: 'GET',
  path: '/v1/enrolments',
  access: 'operator',
  handle: ({ db }) => listEnrolments(db),
};
