// Each second: the next check of an image is begun where none runs, and the one that this server does is told of, stopped, or ended.
// Any number of servers look; the database lets one check run at a time, and one whose server falls silent is called interrupted.
import { setTimeout as sleep } from 'node:timers/promises';
import { DeployError, toErrorBody } from '../../protocol/errors.ts';
import type { ImageCheck } from '../../protocol/image-check.ts';
import { SilentLeases } from '../agents/silent-leases.ts';
import type { Context } from '../context.ts';
import type { Database, ImageCheckRow } from '../database/schema.ts';
import { writeAudit } from '../people/audit-log.ts';
import { checkImage, type Outcome } from './check-image.ts';
import { forgetOldChecks, requestDueImage } from './verification.ts';

const tickMs = 1000;
/** A server that says nothing for so long has died, or has lost its database. */
const defaultSilentMs = 30_000;
/** How often it is asked which images are due; at once after one was read. The list of images may cost (S3). */
const dueEveryMs = 10 * 60_000;
const forgetEveryMs = 60 * 60_000;
/** What mounts and virtual machines take to go; longer, and they are left behind. */
const stopWithinMs = 4000;

type Work = {
  readonly row: ImageCheckRow;
  readonly stop: AbortController;
  readonly done: Promise<void>;
  progress: ImageCheck['progress'];
  outcome: Outcome | null;
};

/** Returns a function that stops it: the check that this server does is called interrupted. */
export function watchImageChecks(context: Context, silentMs = defaultSilentMs): () => Promise<void> {
  const watch = new ImageCheckWatch(context, silentMs);
  let running: Promise<void> | null = null;
  const timer = setInterval(() => {
    running ??= watch
      .tick()
      .catch((thrown: Error) => context.log.error({ err: thrown }, 'the watch over checks of images failed'))
      .finally(() => {
        running = null;
      });
  }, tickMs);
  return async () => {
    clearInterval(timer);
    await running;
    await watch.close();
  };
}

class ImageCheckWatch {
  readonly #context: Context;
  readonly #silentMs: number;
  readonly #silent = new SilentLeases();
  #work: Work | null = null;
  #nextDueMs = 0;
  #nextForgetMs = 0;
  #looking: Promise<void> | null = null;
  #isFirst = true;

  constructor(context: Context, silentMs: number) {
    this.#context = context;
    this.#silentMs = silentMs;
  }

  async tick(): Promise<void> {
    await this.#endLost();
    if (this.#work === null) await this.#begin();
    else await this.#goOn(this.#work);
    // A store that does not answer must not keep this server from saying that it is alive.
    this.#looking ??= this.#lookAround()
      .catch((err: Error) => this.#context.log.error({ err }, 'which images are to be verified was not found out'))
      .finally(() => {
        this.#looking = null;
      });
  }

  async #lookAround(): Promise<void> {
    const nowMs = Date.now();
    if (nowMs >= this.#nextDueMs) {
      this.#nextDueMs = nowMs + dueEveryMs;
      await requestDueImage(this.#context, nowMs);
    }
    if (nowMs >= this.#nextForgetMs) {
      this.#nextForgetMs = nowMs + forgetEveryMs;
      await forgetOldChecks(this.#context);
    }
  }

  /** Rejects never: the server stops, whatever the database says. */
  async close(): Promise<void> {
    await Promise.race([this.#looking, sleep(stopWithinMs, undefined, { ref: false })]);
    const work = this.#work;
    if (work === null) return;
    work.stop.abort();
    await Promise.race([work.done, sleep(stopWithinMs, undefined, { ref: false })]);
    const { outcome } = work;
    const told = outcome !== null && outcome.state !== 'cancelled';
    await this.#end(work.row, told ? outcome : interruptedBy('the server was stopped')).catch((thrown: Error) =>
      this.#context.log.error({ err: thrown }, 'a check of an image was not ended'),
    );
  }

  async #begin(): Promise<void> {
    const row = await claimNext(this.#context);
    if (row === null) return;
    const stop = new AbortController();
    const run = {
      signal: stop.signal,
      onProgress: ({ phase, bytesDone, bytesTotal }: NonNullable<ImageCheck['progress']>) => {
        work.progress = { phase, bytesDone, bytesTotal };
      },
    };
    const done = checkImage(this.#context.store, row, run).then((outcome) => {
      work.outcome = outcome;
    });
    const work: Work = { row, stop, done, progress: null, outcome: null };
    this.#work = work;
    this.#context.log.info({ check: row.id, image: row.image, kind: row.kind }, 'check of an image begun');
  }

  async #goOn(work: Work): Promise<void> {
    const { row, stop, progress, outcome } = work;
    if (outcome === null) {
      const wanted = await sayAlive(this.#context, row.id, progress);
      if (!wanted) stop.abort();
      return;
    }
    await this.#end(row, outcome);
    this.#work = null;
    this.#nextDueMs = 0;
  }

  /** A file is the database of one server: what ran before its start runs no more. */
  async #endLost(): Promise<void> {
    const { db, serverId, config } = this.#context;
    const alone = this.#isFirst && config.database.kind === 'sqlite';
    const others = await db
      .selectFrom('imageChecks')
      .selectAll()
      .where('state', '=', 'running')
      .where('serverId', '!=', serverId)
      .execute();
    const renewals = others.map((row) => ({ ...row, leaseHeardAt: row.heardAt }));
    const silent = this.#silent.find(renewals, this.#silentMs);
    const lost = alone ? others : silent;
    for (const row of lost) await this.#end(row, interruptedBy('nothing more was heard of the server that did it'));
    this.#isFirst = false;
  }

  /** Nothing when somebody else has ended it. */
  async #end(row: ImageCheckRow, { state, found, error }: Outcome): Promise<void> {
    const { db, metrics, log } = this.#context;
    const { numUpdatedRows } = await db
      .updateTable('imageChecks')
      .set({
        ...{ state, endedAt: new Date().toISOString(), progress: null },
        found: found === null ? null : JSON.stringify(found),
        error: error === null ? null : JSON.stringify(error),
      })
      .where('id', '=', row.id)
      .where('state', '=', 'running')
      .where('serverId', '=', row.serverId)
      .executeTakeFirst();
    if (numUpdatedRows !== 1n) return;
    const { id: check, image, kind, requestedBy: who } = row;
    metrics.count('deploy_os_image_checks_total', { kind, outcome: state });
    log[state === 'failed' ? 'error' : 'info']({ check, image, kind, state, error }, 'check of an image ended');
    const action = `${kind} image`;
    const about = { image, check, state };
    await writeAudit(db, { who, address: '', action, about, outcome: error?.code ?? 'ok' });
  }
}

function interruptedBy(reason: string): Outcome {
  const error = new DeployError('cancelled', reason, { hint: 'Ask for it again.' });
  return { state: 'interrupted', found: null, error: toErrorBody(error) };
}

/** The oldest that waits, unless one runs, here or at another server. */
async function claimNext({ db, serverId }: Context): Promise<ImageCheckRow | null> {
  if (await isRunning(db)) return null;
  const next = await db
    .selectFrom('imageChecks')
    .select('id')
    .where('state', '=', 'queued')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  if (next === undefined) return null;
  const now = new Date().toISOString();
  try {
    const claimed = await db
      .updateTable('imageChecks')
      .set({ state: 'running', serverId, startedAt: now, heardAt: now })
      .where('id', '=', next.id)
      .where('state', '=', 'queued')
      .returningAll()
      .executeTakeFirst();
    return claimed ?? null;
  } catch (thrown) {
    // Another server was quicker, with another one.
    if (await isRunning(db)) return null;
    throw thrown;
  }
}

async function isRunning(db: Database): Promise<boolean> {
  const rows = await db.selectFrom('imageChecks').select('id').where('state', '=', 'running').execute();
  return rows.length > 0;
}

/** False when it is to stop: somebody asked for that, or it was ended without this server. */
async function sayAlive({ db, serverId }: Context, id: string, progress: ImageCheck['progress']): Promise<boolean> {
  const alive = await db
    .updateTable('imageChecks')
    .set({ heardAt: new Date().toISOString(), progress: progress === null ? null : JSON.stringify(progress) })
    .where('id', '=', id)
    .where('state', '=', 'running')
    .where('serverId', '=', serverId)
    .returning('cancelRequested')
    .executeTakeFirst();
  return alive?.cancelRequested === 0;
}
