// GET /v1/schedules/upcoming?from=&to=: when enabled schedules are due, for a calendar
import { upcomingQuerySchema, upcomingSchema } from '../../protocol/schedule.ts';
import type { Route } from '../route.ts';
import { listUpcoming, readSpan } from '../schedules/upcoming.ts';

export const getUpcomingRuns: Route = {
  method: 'GET',
  path: '/v1/schedules/upcoming',
  access: 'viewer',
  doc: { summary: 'When schedules are due', query: upcomingQuerySchema, answer: upcomingSchema },
  handle: ({ db }, request) => listUpcoming(db, readSpan(upcomingQuerySchema.parse(request.query))),
};
