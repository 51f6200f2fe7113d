// GET /v1/settings
import { settingsSchema } from '../../protocol/settings.ts';
import { readLimits } from '../jobs/limits.ts';
import type { Route } from '../route.ts';

export const getSettings: Route = {
  method: 'GET',
  path: '/v1/settings',
  access: 'viewer',
  doc: { summary: 'What is set for all servers on this database', answer: settingsSchema },
  handle: async ({ db }) => ({ jobLimits: await readLimits(db) }),
};
