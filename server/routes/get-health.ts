// GET /v1/health
import type { Route } from '../route.ts';
import { version } from '../version.ts';

export const getHealth: Route = {
  method: 'GET',
  path: '/v1/health',
  access: 'public',
  async handle({ db }) {
    await db.selectFrom('settings').select('name').limit(1).execute();
    return { status: 'ok', version };
  },
};
