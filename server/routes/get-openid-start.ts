// GET /v1/session/openid: sends a browser to the provider of OpenID Connect
import { DeployError } from '../../protocol/errors.ts';
import { openIdStartPath, openIdStartQuerySchema } from '../../protocol/openid.ts';
import { writeAttempt } from '../openid/attempt-cookie.ts';
import type { Route } from '../route.ts';

export const getOpenIdStart: Route = {
  method: 'GET',
  path: openIdStartPath,
  access: 'public',
  doc: { summary: 'Log in through OpenID Connect: a redirect to the provider', status: 302 },
  async handle({ openId }, request, _caller, reply) {
    if (openId === null) throw new DeployError('usage', 'this server has no OpenID Connect provider (--openid)');
    const asked = openIdStartQuerySchema.parse(request.query);
    const { url, attempt } = await openId.begin();
    reply.header('set-cookie', writeAttempt({ ...attempt, ...asked })).header('cache-control', 'no-store');
    reply.redirect(url.href, 302);
    return reply;
  },
};
