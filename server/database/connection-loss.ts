// Is it that the database cannot be reached, or was restarted under a statement, and not that the statement was wrong?
// Codes: PostgreSQL's documentation, appendix A; those of sockets are Node's.

import { DeployError, toDeployError } from '../../protocol/errors.ts';

const codes: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOENT', 'EAI_AGAIN'],
  // admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections
  ...['57P01', '57P02', '57P03', '53300'],
]);
/** The driver's own errors have no code. */
const messages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/;

export function isConnectionLoss(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
  // Connection exceptions are class 08.
  return codes.has(code) || /^08...$/.test(code) || (code === '' && messages.test(thrown.message));
}

/** An error of the server's work as it is told to whoever asked for it. */
export function toServerError(thrown: unknown): DeployError {
  if (!isConnectionLoss(thrown)) return toDeployError(thrown);
  const { message } = thrown as Error;
  return new DeployError('database-unavailable', `the server's database does not answer: ${message}`, {
    cause: thrown,
    hint: 'Nothing that was acknowledged is lost. Try again in a moment; if it lasts, look at the PostgreSQL server.',
  });
}

/** PostgreSQL's text holds no NUL (error 22021, character_not_in_repertoire); SQLite's does. */
export function isUnstorableText(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === '22021';
}
