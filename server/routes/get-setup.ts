// GET /v1/setup: what is still to be done before anybody can log in
import { openIdStartPath } from '../../protocol/openid.ts';
import { setupSchema } from '../../protocol/people.ts';
import { readSetup } from '../people/users.ts';
import type { Route } from '../route.ts';

export const getSetup: Route = {
  method: 'GET',
  path: '/v1/setup',
  access: 'public',
  doc: { summary: 'What is to be done before anybody can log in', answer: setupSchema },
  handle: async ({ db, openId }) => ({
    ...(await readSetup(db)),
    openId: openId !== null,
    openIdUrl: openId === null ? null : new URL(openIdStartPath, openId.config.callbackUrl).href,
  }),
};
