// A backup becomes a data directory again, in which a server starts as if nothing had happened.
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import type { DatabaseLocation } from '../database/location.ts';
import { openDatabase } from '../database/open.ts';
import { changeJob } from '../jobs/change-job.ts';
import { appendJobLog } from '../jobs/job-log.ts';
import { copyNames, restoreDatabase } from './copy-database.ts';
import { type Label, labelName, readLabel } from './label.ts';
import { runProgram } from './run-program.ts';

/**
 * Into a directory that is absent or empty; a PostgreSQL database must be empty, too.
 * @throws DeployError target-exists, invalid-input when the file is no backup, usage when the database is of another kind, store-io
 */
export async function restoreServer(file: string, dataDir: string, database: DatabaseLocation): Promise<Label> {
  const present = await readdir(dataDir).catch(() => []);
  if (present.length > 0) {
    throw new DeployError('target-exists', `${dataDir} is not empty; nothing was changed`, {
      hint: 'Name a new directory. A running server must be stopped before another one takes its place.',
    });
  }
  const unfinished = `${path.resolve(dataDir)}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: 0o711 });
  try {
    await runProgram(['tar', '-xf', path.resolve(file), '-C', unfinished]);
    const label = await openLabel(unfinished, file);
    if (label.database !== database.kind) {
      throw new DeployError('usage', `${file} is of a server on ${words[label.database]}`, {
        hint: label.database === 'postgres' ? 'Name an empty database with --database.' : 'Leave out --database.',
      });
    }
    await restoreDatabase(database, unfinished);
    await holdUnfinishedJobs(
      database.kind === 'sqlite' ? { ...database, path: path.join(unfinished, copyNames.sqlite) } : database,
    );
    await rm(path.join(unfinished, labelName));
    await rm(path.join(unfinished, copyNames.postgres), { force: true });
    await rm(dataDir, { recursive: true, force: true });
    await rename(unfinished, dataDir);
    return label;
  } catch (thrown) {
    await rm(unfinished, { recursive: true, force: true });
    throw thrown;
  }
}

/** What the database takes for unfinished may have ended since, and its disk may hold other work by now: nothing runs again before a person has looked. */
async function holdUnfinishedJobs(location: DatabaseLocation): Promise<void> {
  const db = await openDatabase(location);
  try {
    const rows = await db
      .selectFrom('jobs')
      .select('id')
      .where('state', 'in', ['queued', 'running'])
      .where('held', 'is', null)
      .execute();
    for (const { id } of rows) {
      await changeJob(db, id, { kind: 'hold', reason: 'paused' });
      await appendJobLog(
        db,
        id,
        'warning',
        'held: the server was restored from a backup, and this job may have ended since it was made',
      );
    }
  } finally {
    await db.destroy();
  }
}

const words = { sqlite: 'SQLite', postgres: 'PostgreSQL' } as const;

async function openLabel(folder: string, file: string): Promise<Label> {
  try {
    return readLabel(await readFile(path.join(folder, labelName), 'utf8'));
  } catch (cause) {
    throw new DeployError('invalid-input', `${file} is no backup of a Deploy-OS server, or of a newer version`, {
      cause,
    });
  }
}
