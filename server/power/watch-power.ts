// Magic packets that another server on the same database was asked for: this one may have agents near the machine.
import type { Context } from '../context.ts';
import { readPowerMachine } from './power-machine.ts';
import { readForUse } from './power-settings.ts';
import { sendWake, wakeLastsMs } from './wake.ts';

const tickMs = 1000;

/** Returns a function that stops it and waits for the tick under way. */
export function watchPower(context: Context): () => Promise<void> {
  const done = new Set<string>();
  let running: Promise<void> | null = null;
  const timer = setInterval(() => {
    running ??= relayWakes(context, done)
      .catch((thrown: Error) => context.log.error({ err: thrown }, 'the watch over power failed'))
      .finally(() => {
        running = null;
      });
  }, tickMs);
  return async () => {
    clearInterval(timer);
    await running;
  };
}

/** `done` are those that this server has sent; to send one twice would do no harm. */
async function relayWakes(context: Context, done: Set<string>): Promise<void> {
  const { db, agents, log } = context;
  if (agents.list().length === 0) return;
  const since = new Date(Date.now() - wakeLastsMs).toISOString();
  const wakes = await db.selectFrom('wakes').selectAll().where('at', '>', since).execute();
  for (const { id, machineId } of wakes.filter((wake) => !done.has(wake.id))) {
    done.add(id);
    const row = await db.selectFrom('machines').selectAll().where('id', '=', machineId).executeTakeFirst();
    if (row === undefined) continue;
    try {
      const { settings, password } = await readForUse(context, machineId);
      if (settings.driver !== 'wake-on-lan') continue;
      await sendWake(agents, { settings, machine: await readPowerMachine(db, row), password });
    } catch (thrown) {
      log.warn({ machine: row.name, reason: (thrown as Error).message }, 'not woken from here');
    }
  }
  if (wakes.length === 0) done.clear();
}
