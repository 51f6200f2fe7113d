// POST /v1/schedules/:id/run: now, out of turn; what is to come stays as it is
import { type RunNote, scheduleRunSchema } from '../../protocol/schedule.ts';
import { dispatchJob } from '../agents/dispatch.ts';
import { nameOf } from '../callers.ts';
import { pathParameter, type Route } from '../route.ts';
import { runSchedule } from '../schedules/run-schedule.ts';
import { findSchedule } from '../schedules/schedules.ts';

export const postScheduleRun: Route = {
  method: 'POST',
  path: '/v1/schedules/:id/run',
  access: 'operator',
  doc: { summary: 'Run a schedule now', answer: scheduleRunSchema },
  async handle(context, request, caller) {
    const row = await findSchedule(context.db, pathParameter(request, 'id'));
    const nowMs = Date.now();
    const by = nameOf(caller) ?? '';
    const notes: RunNote[] = [{ code: 'asked-by', values: { who: by } }];
    const run = await runSchedule(context, row, { dueMs: nowMs, nowMs, by, notes, nextMs: null });
    for (const jobId of run?.jobIds ?? []) {
      const job = await context.db.selectFrom('jobs').select('machineId').where('id', '=', jobId).executeTakeFirst();
      if (job !== undefined) await dispatchJob(context, job.machineId);
    }
    return run;
  },
};
