// PATCH /v1/schedules/:id: what is not named stays
import { schedulePatchSchema, scheduleSchema } from '../../protocol/schedule.ts';
import { nameOf } from '../callers.ts';
import { pathParameter, type Route } from '../route.ts';
import { changeSchedule } from '../schedules/schedules.ts';

export const patchSchedule: Route = {
  method: 'PATCH',
  path: '/v1/schedules/:id',
  access: 'operator',
  doc: { summary: 'Change a schedule', body: schedulePatchSchema, answer: scheduleSchema },
  async handle({ db }, request, caller) {
    const patch = schedulePatchSchema.parse(request.body);
    const schedule = await changeSchedule(db, pathParameter(request, 'id'), patch, nameOf(caller) ?? '', Date.now());
    request.log.info({ schedule: schedule.name, nextDueAt: schedule.nextDueAt }, 'schedule changed');
    return schedule;
  },
};
