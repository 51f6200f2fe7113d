// POST /v1/schedules/preview: the next times of a schedule that is not saved
import { previewRequestSchema, previewSchema } from '../../protocol/schedule.ts';
import type { Route } from '../route.ts';
import { previewTimes } from '../schedules/upcoming.ts';

export const postSchedulePreview: Route = {
  method: 'POST',
  path: '/v1/schedules/preview',
  access: 'viewer',
  doc: {
    summary: 'The next times of a schedule before it is saved',
    body: previewRequestSchema,
    answer: previewSchema,
  },
  async handle(_context, request) {
    return previewTimes(previewRequestSchema.parse(request.body), Date.now());
  },
};
