// Can this server do its work now? Asked by load balancers and monitors, so it is answered from the last look when that was just now.
import { constants, open, unlink } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { isS3Location } from '../../imaging/store/s3/location.ts';
import type { Readiness } from '../../protocol/rest.ts';
import type { ServerConfig } from '../config.ts';
import type { Database } from '../database/schema.ts';
import { newId } from '../new-id.ts';
import { describeRoom, minFreeBytes, readFreeBytes } from './room.ts';

const lookEveryMs = 2000;
/** What takes longer does not work, whatever it says later. */
const withinMs = 3000;
const noDigest = '0'.repeat(64);

type Asked = {
  readonly config: Pick<ServerConfig, 'dataDir' | 'storeLocation'>;
  readonly db: Database;
  readonly store: ChunkStore;
  readonly services: { dnsmasq?: { isRunning(): boolean } };
};
type Check = Readiness['checks'][number];

export class ReadinessProbe {
  #latest: { readonly atMs: number; readonly answer: Promise<Readiness> } | undefined;

  read(asked: Asked): Promise<Readiness> {
    const nowMs = performance.now();
    if (this.#latest === undefined || nowMs - this.#latest.atMs > lookEveryMs) {
      this.#latest = { atMs: nowMs, answer: look(asked) };
    }
    return this.#latest.answer;
  }
}

async function look(asked: Asked): Promise<Readiness> {
  const { config, db, services } = asked;
  const checks = [
    check('database', () => db.selectFrom('settings').select('name').limit(1).execute()),
    check('store', () => reachStore(asked)),
    check('disk', () => requireRoom(config.dataDir, 'the data directory')),
  ];
  if (services.dnsmasq !== undefined) checks.push(check('dnsmasq', () => requireRunning(services.dnsmasq)));
  const found = await Promise.all(checks);
  return { status: found.every(({ ok }) => ok) ? 'ready' : 'not-ready', checks: found };
}

/** Anybody may ask: the reason names no path and no address; the server's log does. */
async function check(name: Check['name'], work: () => Promise<unknown>): Promise<Check> {
  const stop = new AbortController();
  const late = sleep(withinMs, 'late' as const, { signal: stop.signal }).catch(() => 'late' as const);
  try {
    const end = await Promise.race([work().then(() => 'done' as const), late]);
    return end === 'done' ? { name, ok: true } : { name, ok: false, reason: `no answer within ${withinMs / 1000} s` };
  } catch (thrown) {
    return { name, ok: false, reason: thrown instanceof NotReady ? thrown.message : 'does not answer' };
  } finally {
    stop.abort();
  }
}

class NotReady extends Error {}

async function reachStore({ config, store }: Asked): Promise<void> {
  await store.findMissing([noDigest], AbortSignal.timeout(withinMs));
  if (isS3Location(config.storeLocation)) return;
  await requireRoom(config.storeLocation, 'the image store');
}

/** A byte is really written: a file system that is mounted read-only or is broken says so only then. */
async function requireRoom(folder: string, what: string): Promise<void> {
  const file = path.join(folder, `.ready-${newId()}`);
  try {
    const handle = await open(file, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
    await handle.writeFile('.').finally(() => handle.close());
    await unlink(file);
  } catch (thrown) {
    throw new NotReady(`${what} cannot be written: ${(thrown as NodeJS.ErrnoException).code ?? 'error'}`);
  }
  const freeBytes = await readFreeBytes(folder);
  if (freeBytes < minFreeBytes) throw new NotReady(`${what} has ${describeRoom(freeBytes)} of room left`);
}

async function requireRunning(dnsmasq: { isRunning(): boolean } | undefined): Promise<void> {
  if (dnsmasq?.isRunning() !== true) throw new NotReady('does not run; it is started again');
}
