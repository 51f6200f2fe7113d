// GET /v1/session/openid/callback: a browser comes back from the provider and is logged in, by the cookie of any login; or is shown the code for a command line
import { DeployError } from '../../protocol/errors.ts';
import { openIdCallbackPath } from '../../protocol/openid.ts';
import type { Context } from '../context.ts';
import { clearAttempt, readAttempt } from '../openid/attempt-cookie.ts';
import { admit, openBoundedSession } from '../openid/log-in.ts';
import { issueLoginCode } from '../openid/login-codes.ts';
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
    const done = await finish(context, headers.cookie, url.split('?')[1] ?? '', ip);
    if (done.words !== undefined) return reply.type('text/plain; charset=utf-8').send(done.words);
    reply.header('set-cookie', writeSessionCookie(done.token));
    reply.redirect('/', 302);
    return reply;
  },
};

/** A login of this browser, or what it shows for that of a command line. */
type Finished = { readonly token: string; readonly words?: never } | { readonly token?: never; readonly words: string };

async function finish(context: Context, cookie: string | undefined, query: string, address: string): Promise<Finished> {
  const { db, openId, logins, log } = context;
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
    const user = await admit(context, openId.config, identity, address);
    logins.succeeded(counted, address);
    if (attempt.challenge !== undefined)
      return { words: wordsFor(user.name, await issueLoginCode(db, user, attempt.challenge)) };
    return { token: (await openBoundedSession(context, openId.config, user, address)).token };
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

/** Whoever was sent here by somebody else reads what the code would give them. */
function wordsFor(name: string, code: string): string {
  return `This code logs one command line in as ${name}, within five minutes:

    ${code}

Type it where you have started \`deploy-os login --openid\` yourself. If you have not, somebody wants to log in as you: give it to nobody.
`;
}
