// GET /v1/schedules/hours?from=&to=: the maintenance windows of enabled schedules, for a calendar
import { hoursSchema, upcomingQuerySchema } from '../../protocol/schedule.ts';
import type { Route } from '../route.ts';
import { listHours, readSpan } from '../schedules/upcoming.ts';

export const getScheduleHours: Route = {
  method: 'GET',
  path: '/v1/schedules/hours',
  access: 'viewer',
  doc: { summary: 'The maintenance windows of schedules', query: upcomingQuerySchema, answer: hoursSchema },
  handle: ({ db }, request) => listHours(db, readSpan(upcomingQuerySchema.parse(request.query))),
};
