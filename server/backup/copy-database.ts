// The database as it is at one moment, while servers go on to use it: into a file, and back.
import path from 'node:path';
import DatabaseFile from 'better-sqlite3';
import { DeployError } from '../../protocol/errors.ts';
import type { DatabaseLocation } from '../database/location.ts';
import { runProgram } from './run-program.ts';

export const copyNames = { sqlite: 'deploy-os.sqlite', postgres: 'deploy-os.pgdump' } as const;

/** @throws DeployError store-io */
export async function copyDatabase(location: DatabaseLocation, folder: string): Promise<void> {
  const file = path.join(folder, copyNames[location.kind]);
  if (location.kind === 'postgres') {
    const { url, env } = withoutPassword(location.url);
    await runProgram(['pg_dump', '--format=custom', '--no-owner', `--file=${file}`, `--dbname=${url}`], env);
    return;
  }
  let source: DatabaseFile.Database | undefined;
  try {
    source = new DatabaseFile(location.path, { readonly: true, fileMustExist: true });
    source.pragma('busy_timeout = 30000');
    // One reading transaction: of WAL, writers beside it notice nothing (https://sqlite.org/lang_vacuum.html#vacuuminto).
    source.prepare('vacuum into ?').run(file);
  } catch (cause) {
    throw new DeployError('store-io', `copying ${location.path}: ${(cause as Error).message}`, { cause });
  } finally {
    source?.close();
  }
}

/** Into a PostgreSQL database that is empty; an SQLite file is in its place already, and is only looked at. @throws DeployError store-io, store-corrupt */
export async function restoreDatabase(location: DatabaseLocation, folder: string): Promise<void> {
  if (location.kind === 'postgres') {
    const { url, env } = withoutPassword(location.url);
    const flags = ['--no-owner', '--exit-on-error', '--single-transaction', `--dbname=${url}`];
    await runProgram(['pg_restore', ...flags, path.join(folder, copyNames.postgres)], env);
    return;
  }
  const file = new DatabaseFile(path.join(folder, copyNames.sqlite), { readonly: true, fileMustExist: true });
  try {
    const answer = file.pragma('integrity_check', { simple: true });
    if (answer !== 'ok') throw new DeployError('store-io', `the database in this backup is damaged: ${answer}`);
  } finally {
    file.close();
  }
}

function withoutPassword(text: string): { readonly url: string; readonly env: Record<string, string> } {
  const url = new URL(text);
  const password = decodeURIComponent(url.password);
  url.password = '';
  return { url: url.toString(), env: password === '' ? {} : { PGPASSWORD: password } };
}
