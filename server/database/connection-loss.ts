// Is it that the database cannot be reached, was restarted under a statement, or has no room left, and not that the statement was wrong?
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

/** SQLite's codes that its disk is full or failing (https://sqlite.org/rescode.html); PostgreSQL's disk_full and io_error. */
const diskFaults = /^(SQLITE_(FULL|IOERR|READONLY|CANTOPEN)\w*|53100|58030)$/;

function isDiskFault(thrown: Error): boolean {
  return 'code' in thrown && typeof thrown.code === 'string' && diskFaults.test(thrown.code);
}

/** An error of the server's work as it is told to whoever asked for it; null for one that is not the database's. */
export function databaseError(thrown: unknown): DeployError | null {
  if (!(thrown instanceof Error)) return null;
  const kept = 'Nothing that was acknowledged is lost.';
  if (isConnectionLoss(thrown)) {
    return new DeployError('database-unavailable', `the server's database does not answer: ${thrown.message}`, {
      cause: thrown,
      hint: `${kept} Try again in a moment; if it lasts, look at the PostgreSQL server.`,
    });
  }
  if (!isDiskFault(thrown)) return null;
  return new DeployError('database-unavailable', `the server's database cannot be written: ${thrown.message}`, {
    cause: thrown,
    hint: `${kept} Make room on the disk of the server's data directory, or of its PostgreSQL; the server then goes on by itself.`,
  });
}

export function toServerError(thrown: unknown): DeployError {
  return databaseError(thrown) ?? toDeployError(thrown);
}

/** PostgreSQL's text holds no NUL (error 22021, character_not_in_repertoire); SQLite's does. */
export function isUnstorableText(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === '22021';
}
