// Who is asking: a person, or the agent of a machine, by the token in the request's headers; and what each may ask for.
import type { IncomingHttpHeaders } from 'node:http';
import { bootIdHeader } from '../protocol/agent-messages.ts';
import type { AskerName } from '../protocol/askers.ts';
import { DeployError } from '../protocol/errors.ts';
import type { Role } from '../protocol/people.ts';
import type { Lease, LeaseCheck, Leases } from './agents/leases.ts';
import { requireOwnPage } from './browser-rules.ts';
import type { Database } from './database/schema.ts';
import { mayAtLeast, type Person, readPerson } from './people/person-tokens.ts';
import { readSessionCookie } from './people/session-cookie.ts';
import { useBootToken } from './tokens/boot-tokens.ts';
import { isOperatorToken } from './tokens/operator-token.ts';

const operatorToken: AskerName = 'operator token';

export type Caller =
  | { readonly kind: 'public' }
  /** `userId` and `tokenId` are null for whoever holds the operator token, who may everything. */
  | ({ readonly kind: 'person' } & Pick<Person, 'name' | 'role' | 'grants'> & {
        readonly [Key in 'userId' | 'tokenId']: string | null;
      })
  /** Of an approved machine that runs a job. */
  | {
      readonly kind: 'agent';
      readonly machineId: string;
      /** Whether its job lets it; `check` may be called again. @throws DeployError forbidden, and what `check` throws */
      require(check: LeaseCheck): Promise<void>;
    };

/** As the records name them; null for a machine. */
export function nameOf(caller: Caller): string | null {
  return caller.kind === 'person' ? caller.name : null;
}

/**
 * Who may call a route: anyone; people of a role, or of a greater one; operators and agents with a running job, or with one that stores
 * something: an image, or what a restore saves of its disk.
 */
export type Access = 'public' | Role | 'job' | 'storing-job';

type Known = { readonly db: Database; readonly leases: Leases };
type Asked = { readonly method: string; readonly headers: IncomingHttpHeaders };

/** @throws DeployError unauthorized without a good token; forbidden for a lesser role; machine-not-approved or forbidden for an agent without such a job. */
export async function identifyCaller(
  { db, leases }: Known,
  { method, headers }: Asked,
  { access, on }: { readonly access: Access; readonly on?: 'machine' | 'job' | 'batch' | 'caller' },
): Promise<Caller> {
  const forAgents = access === 'job' || access === 'storing-job';
  if (headers[bootIdHeader] === undefined) {
    const person = await identifyPerson(db, method, headers);
    const wanted = forAgents || access === 'public' ? 'operator' : access;
    if (mayAtLeast(person.role, wanted)) return person;
    // On some machines; which it is about is seen to later (people/machine-access.ts).
    if (on !== undefined && person.grants.some(({ role }) => mayAtLeast(role, wanted))) return person;
    throw new DeployError('forbidden', `${person.name} is ${person.role}; this takes the role ${wanted}`);
  }
  if (!forAgents) {
    await identifyAgent(db, headers);
    throw new DeployError('forbidden', 'this is for people, not for agents');
  }
  const [token, bootId] = [readBearer(headers), readBootId(headers)];
  const require = (check: LeaseCheck) => leases.require(token, bootId, check);
  await require(access === 'storing-job' ? requireStoring : () => {});
  return { kind: 'agent', machineId: (await leases.find(token, bootId)).machineId, require };
}

function requireStoring({ steps }: Lease): void {
  if (steps.some((step) => step.kind === 'capture' || step.kind === 'restore')) return;
  throw new DeployError('forbidden', 'this machine runs no job that stores anything');
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
    return { kind: 'person', name: operatorToken, role: 'administrator', grants: [], userId: null, tokenId: null };
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
  const bootId = readBootId(headers);
  const { machineId } = await useBootToken(db, readBearer(headers), bootId);
  return { machineId, bootId };
}

function readBootId({ [bootIdHeader]: bootId }: IncomingHttpHeaders): string {
  if (typeof bootId !== 'string' || !/^[0-9a-zA-Z-]{8,64}$/.test(bootId)) throw unauthorized('no boot id');
  return bootId;
}

function readBearer(headers: IncomingHttpHeaders): string {
  const token = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(headers.authorization ?? '')?.[1];
  if (token === undefined) throw unauthorized('no token');
  return token;
}

function unauthorized(message: string): DeployError {
  return new DeployError('unauthorized', message);
}
