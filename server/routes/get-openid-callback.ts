// GET /v1/session/openid/callback: a browser comes back from the provider and is logged in, by the cookie of any login
import { DeployError } from '../../protocol/errors.ts';
import { openIdCallbackPath } from '../../protocol/openid.ts';
import type { Context } from '../context.ts';
import { clearAttempt, readAttempt } from '../openid/attempt-cookie.ts';
import { logInAs } from '../openid/log-in.ts';
import { writeSessionCookie } from '../people/session-cookie.ts';
import type { Route } from '../route.ts';

/** In the count of wrong tries, which asks the provider each time. */
const counted = 'OpenID Connect';

export const getOpenIdCallback: Route = {
  method: 'GET',
  path: openIdCallbackPath,
  access: 'public',
  doc: { summary: 'Back from the OpenID Connect provider: a redirect to the console, with the cookie', status: 302 },
  async handle(context, { headers, url, ip }, _caller, reply) {
    reply.header('cache-control', 'no-store').header('set-cookie', clearAttempt());
    const token = await finish(context, headers.cookie, url.split('?')[1] ?? '', ip);
    reply.header('set-cookie', writeSessionCookie(token));
    reply.redirect('/', 302);
    return reply;
  },
};

async function finish(context: Context, cookie: string | undefined, query: string, address: string): Promise<string> {
  const { openId, logins, log } = context;
  if (openId === null) throw new DeployError('usage', 'this server has no OpenID Connect provider (--openid)');
  const waitMs = logins.waitMs(counted, address);
  if (waitMs > 0) throw new DeployError('too-many-requests', `too many tries; wait ${Math.ceil(waitMs / 1000)} s`);
  const attempt = readAttempt(cookie);
  if (attempt === null) {
    throw new DeployError('unauthorized', 'this browser has begun no login, or longer than ten minutes ago', {
      hint: 'Begin the login again.',
    });
  }
  try {
    const identity = await openId.finish(query, attempt);
    const session = await logInAs(context, openId.config, identity, address);
    logins.succeeded(counted, address);
    return session.token;
  } catch (thrown) {
    const { code, cause } = thrown as DeployError;
    if (code !== 'server-unreachable') logins.failed(counted, address);
    log.warn(
      { from: address, code, reason: cause instanceof Error ? cause.message : undefined },
      'OpenID Connect login refused',
    );
    throw thrown;
  }
}
