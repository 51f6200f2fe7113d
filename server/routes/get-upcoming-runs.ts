// GET /v1/schedules/upcoming?from=&to=: when enabled schedules are due, for a calendar
import { DeployError } from '../../protocol/errors.ts';
import { upcomingQuerySchema, upcomingSchema } from '../../protocol/schedule.ts';
import type { Route } from '../route.ts';
import { listUpcoming } from '../schedules/upcoming.ts';

const weekMs = 7 * 24 * 3_600_000;
const longestMs = 366 * 24 * 3_600_000;

export const getUpcomingRuns: Route = {
  method: 'GET',
  path: '/v1/schedules/upcoming',
  access: 'viewer',
  doc: { summary: 'When schedules are due', query: upcomingQuerySchema, answer: upcomingSchema },
  async handle({ db }, request) {
    const { from, to } = upcomingQuerySchema.parse(request.query);
    const fromMs = from === undefined ? Date.now() : Date.parse(from);
    const toMs = to === undefined ? fromMs + weekMs : Date.parse(to);
    if (toMs < fromMs || toMs - fromMs > longestMs)
      throw new DeployError('invalid-input', '`to` is before `from`, or more than a year after it');
    return listUpcoming(db, fromMs, toMs);
  },
};
