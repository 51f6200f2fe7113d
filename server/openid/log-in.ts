// Who the provider says somebody is becomes a user of this server, and a session. They are linked by issuer and subject: names and e-mail addresses can change hands.
import { readAsker, unknownUser } from '../../protocol/askers.ts';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import type { LoginCodeBody } from '../../protocol/openid.ts';
import { type Role, roles } from '../../protocol/people.ts';
import { nameSchema } from '../../protocol/scenario.ts';
import type { Context } from '../context.ts';
import type { Database, UserRow } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { foldName } from '../fold-name.ts';
import { newId } from '../new-id.ts';
import { writeAudit } from '../people/audit-log.ts';
import { openSession } from '../people/person-tokens.ts';
import { takeLoginCode } from './login-codes.ts';
import type { Identity } from './provider.ts';
import type { OpenIdConfig } from './read-config.ts';

const action = 'login by OpenID Connect';
const hourMs = 3_600_000;
/** In the count of wrong tries. */
const counted = 'OpenID Connect code';
const maxNamesakes = 100;
/** @throws DeployError forbidden without a group that has a role here; unauthorized for a disabled user */
export async function admit(
  { db }: Context,
  config: OpenIdConfig,
  identity: Identity,
  address: string,
): Promise<UserRow> {
  const role = roleOf(config, identity.groups);
  const user = await transact(db, async (transaction) => {
    const known = await findLinked(transaction, identity);
    if (role === null) return known === undefined ? null : endAll(transaction, known);
    return known === undefined ? create(transaction, identity, role) : noteLogin(transaction, known, role);
  });
  const who = user?.name ?? unknownUser;
  const refused = role === null ? 'forbidden' : user === null || user.disabled === 1 ? 'unauthorized' : null;
  await writeAudit(db, { who, address, action, about: {}, outcome: refused ?? 'ok' });
  if (refused === 'forbidden') {
    throw new DeployError('forbidden', 'none of your groups has a role on this server', {
      hint: 'Ask an administrator, who can name one of them in the file of --openid.',
    });
  }
  if (refused !== null || user === null) throw new DeployError('unauthorized', 'this user is disabled');
  return user;
}

export function openBoundedSession({ db }: Context, { sessionHours }: OpenIdConfig, user: UserRow, address: string) {
  return openSession(db, user, address, sessionHours * hourMs);
}

/** The session. @throws DeployError unauthorized, too-many-requests */
export async function logInByCode(context: Context, config: OpenIdConfig, body: LoginCodeBody, address: string) {
  const { db, logins } = context;
  const waitMs = logins.waitMs(counted, address);
  if (waitMs > 0) throw new DeployError('too-many-requests', `too many tries; wait ${Math.ceil(waitMs / 1000)} s`);
  const note = (who: string, outcome: string) =>
    writeAudit(db, { who, address, action: `${action}, command line`, about: {}, outcome });
  try {
    const user = await takeLoginCode(db, body);
    logins.succeeded(counted, address);
    await note(user.name, 'ok');
    return openBoundedSession(context, config, user, address);
  } catch (thrown) {
    const { code } = toDeployError(thrown);
    if (code !== 'unauthorized') throw thrown;
    logins.failed(counted, address);
    await note(unknownUser, code);
    throw thrown;
  }
}

/** The greatest. */
function roleOf({ roles: roleOfGroup }: OpenIdConfig, groups: readonly string[]): Role | null {
  const own = groups.flatMap((group) => (Object.hasOwn(roleOfGroup, group) ? (roleOfGroup[group] ?? []) : []));
  return roles.findLast((role) => own.includes(role)) ?? null;
}

function findLinked(db: Database, { issuer, subject }: Identity): Promise<UserRow | undefined> {
  return db
    .selectFrom('users')
    .selectAll()
    .where('openidIssuer', '=', issuer)
    .where('openidSubject', '=', subject)
    .executeTakeFirst();
}

async function create(db: Database, identity: Identity, role: Role): Promise<UserRow> {
  const now = new Date().toISOString();
  const { name, foldedName } = await findFreeName(db, identity);
  const { issuer: openidIssuer, subject: openidSubject } = identity;
  const user: UserRow = {
    ...{ id: newId(), name, foldedName, passwordHash: '', role, disabled: 0 },
    ...{ createdAt: now, lastLoginAt: now, openidIssuer, openidSubject },
  };
  await db.insertInto('users').values(user).execute();
  return user;
}

/** Somebody else may have the name here: they are two people until an administrator says otherwise. */
async function findFreeName(db: Database, { issuer, subject, name }: Identity) {
  const wanted =
    nameSchema.safeParse(name?.trim().slice(0, 150)).data ?? nameSchema.parse(subject.replace(/\p{Cc}/gu, '?'));
  const host = new URL(issuer).hostname.slice(0, 80);
  const reserved = readAsker(foldName(wanted)) !== null;
  for (let n = reserved ? 1 : 0; n < maxNamesakes; n++) {
    const candidate = n === 0 ? wanted : `${wanted} (${host}${n === 1 ? '' : ` ${n}`})`;
    const foldedName = foldName(candidate);
    const taken = await db.selectFrom('users').select('id').where('foldedName', '=', foldedName).executeTakeFirst();
    if (taken === undefined) return { name: candidate, foldedName };
  }
  throw new DeployError('user-exists', `there are ${maxNamesakes} users of that name`);
}

async function noteLogin(db: Database, user: UserRow, role: Role): Promise<UserRow> {
  if (user.disabled === 1) return user;
  const lastLoginAt = new Date().toISOString();
  await db.updateTable('users').set({ role, lastLoginAt }).where('id', '=', user.id).execute();
  return { ...user, role, lastLoginAt };
}

/** The provider says that they have nothing to do here any more: logins and tokens end. */
async function endAll(db: Database, user: UserRow): Promise<UserRow> {
  await db.deleteFrom('personTokens').where('userId', '=', user.id).execute();
  return user;
}
