// Who is asking: a person, or the agent of a machine, by the token in the request's headers; and what each may ask for.
import type { IncomingHttpHeaders } from 'node:http';
import { bootIdHeader } from '../protocol/agent-messages.ts';
import { DeployError } from '../protocol/errors.ts';
import type { Role } from '../protocol/people.ts';
import type { Step } from '../protocol/scenario.ts';
import { requireOwnPage } from './browser-rules.ts';
import type { Database } from './database/schema.ts';
import { mayAtLeast, type Person, readPerson } from './people/person-tokens.ts';
import { readSessionCookie } from './people/session-cookie.ts';
import { useBootToken } from './tokens/boot-tokens.ts';
import { isOperatorToken } from './tokens/operator-token.ts';

export type Caller =
  | { readonly kind: 'public' }
  /** `userId` and `tokenId` are null for whoever holds the operator token, who may everything. */
  | ({ readonly kind: 'person' } & Pick<Person, 'name' | 'role'> & {
        readonly [Key in 'userId' | 'tokenId']: string | null;
      })
  /** Of an approved machine; `steps` are those of its running job. */
  | { readonly kind: 'agent'; readonly machineId: string; readonly steps: readonly Step[] };

/**
 * Who may call a route: anyone; people of a role, or of a greater one; operators and agents with a running job, or with one that stores
 * something: an image, or what a restore saves of its disk.
 */
export type Access = 'public' | Role | 'job' | 'storing-job';

type Asked = { readonly method: string; readonly headers: IncomingHttpHeaders };

/** @throws DeployError unauthorized without a good token; forbidden for a lesser role; machine-not-approved or forbidden for an agent without such a job. */
export async function identifyCaller(db: Database, { method, headers }: Asked, access: Access): Promise<Caller> {
  const forAgents = access === 'job' || access === 'storing-job';
  if (headers[bootIdHeader] === undefined) {
    const person = await identifyPerson(db, method, headers);
    const wanted = forAgents || access === 'public' ? 'operator' : access;
    if (mayAtLeast(person.role, wanted)) return person;
    throw new DeployError('forbidden', `${person.name} is ${person.role}; this takes the role ${wanted}`);
  }
  const { machineId, bootId } = await identifyAgent(db, headers);
  if (!forAgents) throw new DeployError('forbidden', 'this is for people, not for agents');
  const steps = await readLeasedSteps(db, machineId, bootId);
  if (access === 'storing-job' && !steps.some((step) => step.kind !== 'check')) {
    throw new DeployError('forbidden', 'this machine runs no job that stores anything');
  }
  return { kind: 'agent', machineId, steps };
}

/** The cookie is a browser's, which sends it whoever made it ask: what changes something must come from a page of this server. */
async function identifyPerson(
  db: Database,
  method: string,
  headers: IncomingHttpHeaders,
): Promise<Extract<Caller, { kind: 'person' }>> {
  const cookie = headers.authorization === undefined ? readSessionCookie(headers.cookie) : null;
  if (cookie !== null) requireOwnPage(method, headers);
  const token = cookie ?? readBearer(headers);
  if (await isOperatorToken(db, token)) {
    return { kind: 'person', name: 'operator token', role: 'administrator', userId: null, tokenId: null };
  }
  const person = await readPerson(db, token);
  if (person === null) throw unauthorized('the token is not known to this server (any more)');
  return { kind: 'person', ...person };
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
