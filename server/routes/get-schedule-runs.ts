// GET /v1/schedules/:id/runs: what became of its times, newest first
import { z } from 'zod';
import { scheduleRunSchema } from '../../protocol/schedule.ts';
import { pathParameter, type Route } from '../route.ts';
import { findSchedule, listRuns } from '../schedules/schedules.ts';

export const getScheduleRuns: Route = {
  method: 'GET',
  path: '/v1/schedules/:id/runs',
  access: 'viewer',
  doc: { summary: "What became of a schedule's times", answer: z.array(scheduleRunSchema) },
  async handle({ db }, request) {
    const { id } = await findSchedule(db, pathParameter(request, 'id'));
    return listRuns(db, id);
  },
};
