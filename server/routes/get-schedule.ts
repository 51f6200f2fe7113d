// GET /v1/schedules/:id
import { scheduleSchema } from '../../protocol/schedule.ts';
import { pathParameter, type Route } from '../route.ts';
import { readSchedule } from '../schedules/schedules.ts';

export const getSchedule: Route = {
  method: 'GET',
  path: '/v1/schedules/:id',
  access: 'viewer',
  doc: { summary: 'One schedule', answer: scheduleSchema },
  handle: ({ db }, request) => readSchedule(db, pathParameter(request, 'id')),
};
