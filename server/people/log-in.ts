// A name and a password become a session.
import { unknownUser } from '../../protocol/askers.ts';
import { DeployError } from '../../protocol/errors.ts';
import type { Context } from '../context.ts';
import { writeAudit } from './audit-log.ts';
import { verifyPassword } from './password-hash.ts';
import { openSession } from './person-tokens.ts';
import { findUserOrNull, toUser } from './users.ts';

/** @throws DeployError unauthorized, and the same words whatever was wrong; too-many-requests */
export async function logIn({ db, logins }: Context, name: string, password: string, address: string) {
  const waitMs = logins.waitMs(name, address);
  if (waitMs > 0) {
    throw new DeployError('too-many-requests', `too many wrong passwords; wait ${Math.ceil(waitMs / 1000)} s`);
  }
  const user = await findUserOrNull(db, name);
  const good = await verifyPassword(user?.passwordHash ?? null, password);
  if (user === null || !good || user.disabled === 1) {
    logins.failed(name, address);
    // Whoever types a password into the wrong field shall not find it in the log.
    const who = user?.name ?? unknownUser;
    await writeAudit(db, { who, address, action: 'login', about: {}, outcome: 'unauthorized' });
    throw new DeployError('unauthorized', 'the name or the password is wrong');
  }
  logins.succeeded(name, address);
  const session = await openSession(db, user, address);
  const lastLoginAt = new Date().toISOString();
  await db.updateTable('users').set({ lastLoginAt }).where('id', '=', user.id).execute();
  await writeAudit(db, { who: user.name, address, action: 'login', about: {}, outcome: 'ok' });
  return { session, user: toUser({ ...user, lastLoginAt }) };
}
