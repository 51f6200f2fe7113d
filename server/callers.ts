// Who is asking: an operator, or the agent of a machine, by the token in the request's headers; and what each may ask for.
import type { IncomingHttpHeaders } from 'node:http';
import { bootIdHeader } from '../protocol/agent-messages.ts';
import { DeployError } from '../protocol/errors.ts';
import type { Step } from '../protocol/scenario.ts';
import type { Database } from './database/schema.ts';
import { useBootToken } from './tokens/boot-tokens.ts';
import { isOperatorToken } from './tokens/operator-token.ts';

export type Caller =
  | { readonly kind: 'public' }
  | { readonly kind: 'operator' }
  /** Of an approved machine; `steps` are those of its running job. */
  | { readonly kind: 'agent'; readonly machineId: string; readonly steps: readonly Step[] };

/** Who may call a route: anyone; operators; operators and agents with a running job, or with one that stores something: an image, or what a restore saves of its disk. */
export type Access = 'public' | 'operator' | 'job' | 'storing-job';

/** @throws DeployError unauthorized without a good token; machine-not-approved or forbidden for an agent without such a job. */
export async function identifyCaller(db: Database, headers: IncomingHttpHeaders, access: Access): Promise<Caller> {
  const token = readBearer(headers);
  if (headers[bootIdHeader] === undefined) {
    if (await isOperatorToken(db, token)) return { kind: 'operator' };
    throw unauthorized("the operator token is not this server's");
  }
  const { machineId, bootId } = await identifyAgent(db, headers);
  if (access === 'operator') throw new DeployError('forbidden', 'this is for operators, not for agents');
  const steps = await readLeasedSteps(db, machineId, bootId);
  if (access === 'storing-job' && !steps.some((step) => step.kind !== 'check')) {
    throw new DeployError('forbidden', 'this machine runs no job that stores anything');
  }
  return { kind: 'agent', machineId, steps };
}

/** @throws DeployError unauthorized */
export async function identifyAgent(
  db: Database,
  headers: IncomingHttpHeaders,
): Promise<{ machineId: string; bootId: string }> {
  const bootId = headers[bootIdHeader];
  if (typeof bootId !== 'string' || !/^[0-9a-zA-Z-]{8,64}$/.test(bootId)) throw unauthorized('no boot id');
  const { machineId } = await useBootToken(db, readBearer(headers), bootId);
  return { machineId, bootId };
}

/** Of the job that this boot holds the lease of. One that lapsed counts until the job is handed out again: its agent may be on its way back. */
async function readLeasedSteps(db: Database, machineId: string, bootId: string): Promise<Step[]> {
  const row = await db
    .selectFrom('machines')
    .leftJoin('jobs', (join) =>
      join
        .onRef('jobs.machineId', '=', 'machines.id')
        .on('jobs.leaseBootId', '=', bootId)
        .on('jobs.state', 'in', ['running', 'queued']),
    )
    .select(['machines.state', 'jobs.steps'])
    .where('machines.id', '=', machineId)
    .executeTakeFirst();
  if (row?.state !== 'approved') throw new DeployError('machine-not-approved', 'this machine is not approved');
  if (row.steps === null) throw new DeployError('forbidden', 'this machine runs no job');
  return JSON.parse(row.steps);
}

function readBearer(headers: IncomingHttpHeaders): string {
  const token = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(headers.authorization ?? '')?.[1];
  if (token === undefined) throw unauthorized('no token');
  return token;
}

function unauthorized(message: string): DeployError {
  return new DeployError('unauthorized', message);
}
