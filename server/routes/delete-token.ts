// DELETE /v1/tokens/:id: one's own; an administrator's any
import { ownOnly } from '../people/own-only.ts';
import { revokeToken } from '../people/person-tokens.ts';
import { pathParameter, type Route } from '../route.ts';

export const deleteToken: Route = {
  method: 'DELETE',
  path: '/v1/tokens/:id',
  access: 'none',
  doc: { summary: "Revoke a login or a script's token" },
  handle: ({ db }, request, caller) => revokeToken(db, pathParameter(request, 'id'), ownOnly(caller)),
};
