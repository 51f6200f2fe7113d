// What people change is written down with what became of it, before they hear of that.
import type { FastifyRequest } from 'fastify';
import { toDeployError } from '../protocol/errors.ts';
import type { Caller } from './callers.ts';
import type { Context } from './context.ts';
import { readAbout, writeAudit } from './people/audit-log.ts';
import type { Route } from './route.ts';

/** Routes that take a body and change nothing. */
export const onlyAsk: readonly string[] = ['/v1/plans', '/v1/schedules/preview'];

/** Not what is only asked for, nor the data path: an image is one entry, not its thousands of chunks. */
export async function audited(
  { db }: Context,
  route: Route,
  request: FastifyRequest,
  caller: Caller,
  work: () => Promise<unknown>,
): Promise<unknown> {
  const asks = route.method === 'GET' || onlyAsk.includes(route.path);
  if (caller.kind !== 'person' || asks || route.path.startsWith('/v1/chunks')) return work();
  const entry = {
    who: caller.name,
    address: request.ip,
    action: `${route.method} ${route.path}`,
    about: readAbout(request.params, request.body),
  };
  try {
    const answer = await work();
    await writeAudit(db, { ...entry, outcome: 'ok' });
    return answer;
  } catch (thrown) {
    await writeAudit(db, { ...entry, outcome: toDeployError(thrown, 'invalid-input').code });
    throw thrown;
  }
}
