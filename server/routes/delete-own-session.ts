// DELETE /v1/sessions/own: log out

import { revokeToken } from '../people/person-tokens.ts';
import { clearSessionCookie } from '../people/session-cookie.ts';
import type { Route } from '../route.ts';

export const deleteOwnSession: Route = {
  method: 'DELETE',
  path: '/v1/sessions/own',
  access: 'none',
  doc: { summary: 'Log out' },
  async handle({ db }, _request, caller, reply) {
    if (caller.kind === 'person' && caller.tokenId !== null) await revokeToken(db, caller.tokenId, caller.userId);
    reply.header('set-cookie', clearSessionCookie());
  },
};
