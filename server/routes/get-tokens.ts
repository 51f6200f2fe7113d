// GET /v1/tokens: logins and tokens of scripts; an administrator's view is everybody's

import { z } from 'zod';
import { personTokenSchema } from '../../protocol/people.ts';
import { ownOnly } from '../people/own-only.ts';
import { listTokens } from '../people/person-tokens.ts';
import type { Route } from '../route.ts';

export const getTokens: Route = {
  method: 'GET',
  path: '/v1/tokens',
  access: 'none',
  doc: { summary: "One's own logins and tokens; all of them for administrators", answer: z.array(personTokenSchema) },
  handle: ({ db }, _request, caller) => listTokens(db, ownOnly(caller)),
};
