// GET /v1/schedules
import { z } from 'zod';
import { scheduleSchema } from '../../protocol/schedule.ts';
import type { Route } from '../route.ts';
import { listSchedules } from '../schedules/schedules.ts';

export const getSchedules: Route = {
  method: 'GET',
  path: '/v1/schedules',
  access: 'viewer',
  doc: { summary: 'All schedules, in order of name', answer: z.array(scheduleSchema) },
  handle: ({ db }) => listSchedules(db),
};
