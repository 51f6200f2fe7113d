// How many jobs may run at once: by server, by network and for the store. Who is next is one pure function; what it needs is in the database.
import { isIPv4 } from 'node:net';
import { type JobLimits, jobLimitsSchema } from '../../protocol/settings.ts';
import type { Wait } from '../../protocol/waits.ts';
import type { Database } from '../database/schema.ts';
import { mayRun } from './may-run.ts';

const setting = 'jobLimits';

/** A job that runs, or that could if there were no limit: the server that its machine is connected to, and the address that it comes from. */
export type Place = {
  readonly id: string;
  readonly machineId: string;
  readonly serverId: string | null;
  readonly address: string | null;
};

export type Queue = {
  readonly running: readonly Place[];
  /** Oldest first. */
  readonly waiting: readonly Place[];
};

export async function readLimits(db: Database): Promise<JobLimits> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', setting).executeTakeFirst();
  return jobLimitsSchema.parse(row === undefined ? {} : JSON.parse(row.value));
}

export async function writeLimits(db: Database, limits: JobLimits): Promise<void> {
  const value = JSON.stringify(limits);
  await db
    .insertInto('settings')
    .values({ name: setting, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}

export function hasLimits({ server, network, store }: JobLimits): boolean {
  return server !== null || network !== null || store !== null;
}

/**
 * The limit that each waiting job has to wait for; one that is not in the answer may run now. Places go by age: a younger job
 * gets one only when every older one that could use it has one.
 */
export function findRefused(limits: JobLimits, { running, waiting }: Queue): Map<string, Wait> {
  const used = new Map<string, number>();
  const count = (place: Place): void => {
    for (const { key } of boundsOf(limits, place)) used.set(key, (used.get(key) ?? 0) + 1);
  };
  running.forEach(count);
  const refused = new Map<string, Wait>();
  for (const place of waiting) {
    const full = boundsOf(limits, place).find(({ key, most }) => (used.get(key) ?? 0) >= most);
    if (full === undefined) count(place);
    else refused.set(place.id, full.wait);
  }
  return refused;
}

type Bound = { readonly key: string; readonly most: number; readonly wait: Wait };

function boundsOf({ server, network, store, networkPrefix }: JobLimits, place: Place): Bound[] {
  const bounds: Bound[] = [];
  if (store !== null) {
    bounds.push({ key: 'store', most: store, wait: { code: 'limit-store', values: { most: String(store) } } });
  }
  if (server !== null) {
    const wait: Wait = { code: 'limit-server', values: { most: String(server) } };
    bounds.push({ key: `server ${place.serverId}`, most: server, wait });
  }
  if (network !== null && place.address !== null) {
    const net = networkOf(place.address, networkPrefix);
    const wait: Wait = { code: 'limit-network', values: { network: net, most: String(network) } };
    bounds.push({ key: net, most: network, wait });
  }
  return bounds;
}

/** `10.0.12.0/24`; of IPv6 always the /64, which is what a network has there. */
export function networkOf(address: string, prefix: number): string {
  if (!isIPv4(address)) {
    const [left = '', right] = address.split('%', 1)[0]?.split('::', 2) ?? [];
    const groups = left.split(':').filter((group) => group !== '');
    const rest = (right ?? '').split(':').filter((group) => group !== '');
    const all =
      right === undefined ? groups : [...groups, ...Array(8 - groups.length - rest.length).fill('0'), ...rest];
    return `${all
      .slice(0, 4)
      .map((group) => Number.parseInt(group, 16).toString(16))
      .join(':')}::/64`;
  }
  const bits = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - prefix);
  const start = Math.floor(bits / size) * size;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256).join('.')}/${prefix}`;
}

/** What stands still leaves its place to others; it is not asked for when it goes on. */
export async function readQueue(db: Database): Promise<Queue> {
  const rows = await db
    .selectFrom('jobs')
    .innerJoin('machines', 'machines.id', 'jobs.machineId')
    .select(['jobs.id', 'jobs.machineId', 'jobs.state', 'jobs.held', 'machines.serverId', 'machines.address'])
    .select(['machines.state as machineState', 'machines.onlineUntil'])
    .where(mayRun)
    .orderBy('jobs.id')
    .execute();
  const running = rows.filter(({ state, held }) => state === 'running' && held === null);
  const busy = new Set(rows.filter(({ state }) => state === 'running').map(({ machineId }) => machineId));
  const now = new Date().toISOString();
  const waiting: Place[] = [];
  for (const row of rows) {
    const there = row.machineState === 'approved' && row.onlineUntil !== null && row.onlineUntil > now;
    if (busy.has(row.machineId) || !there) continue;
    busy.add(row.machineId);
    waiting.push(row);
  }
  return { running, waiting };
}
