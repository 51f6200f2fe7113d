// POST /v1/schedules
import { scheduleBodySchema, scheduleSchema } from '../../protocol/schedule.ts';
import { nameOf } from '../callers.ts';
import type { Route } from '../route.ts';
import { createSchedule } from '../schedules/schedules.ts';

export const postSchedule: Route = {
  method: 'POST',
  path: '/v1/schedules',
  access: 'operator',
  doc: { summary: 'Make a schedule', body: scheduleBodySchema, answer: scheduleSchema, status: 201 },
  async handle({ db }, request, caller, reply) {
    const body = scheduleBodySchema.parse(request.body);
    const schedule = await createSchedule(db, body, nameOf(caller) ?? '', Date.now());
    request.log.info({ schedule: schedule.name, nextDueAt: schedule.nextDueAt }, 'schedule created');
    reply.code(201);
    return schedule;
  },
};
