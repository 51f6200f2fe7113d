// GET /v1/settings
import { type Settings, settingsSchema } from '../../protocol/settings.ts';
import type { Database } from '../database/schema.ts';
import { readVerification } from '../image-checks/verification.ts';
import { readLimits } from '../jobs/limits.ts';
import type { Route } from '../route.ts';

export const getSettings: Route = {
  method: 'GET',
  path: '/v1/settings',
  access: 'viewer',
  doc: { summary: 'What is set for all servers on this database', answer: settingsSchema },
  handle: ({ db }) => readSettings(db),
};

export async function readSettings(db: Database): Promise<Settings> {
  return { jobLimits: await readLimits(db), imageVerification: await readVerification(db) };
}
