// GET /v1/health
import { healthSchema } from '../../protocol/rest.ts';
import type { Route } from '../route.ts';
import { version } from '../version.ts';

export const getHealth: Route = {
  method: 'GET',
  path: '/v1/health',
  access: 'public',
  doc: { summary: 'Does the server run, and does its database answer?', answer: healthSchema },
  async handle({ db }) {
    await db.selectFrom('settings').select('name').limit(1).execute();
    return { status: 'ok', version };
  },
};
