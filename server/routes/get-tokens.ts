// GET /v1/tokens: logins and tokens of scripts; an administrator's view is everybody's

import { ownOnly } from '../people/own-only.ts';
import { listTokens } from '../people/person-tokens.ts';
import type { Route } from '../route.ts';

export const getTokens: Route = {
  method: 'GET',
  path: '/v1/tokens',
  access: 'viewer',
  handle: ({ db }, _request, caller) => listTokens(db, ownOnly(caller)),
};
