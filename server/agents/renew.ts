// Says in the database, for all servers, which machines are connected and which leases are alive.
import type { Context } from '../context.ts';
import type { ConnectedAgent } from './registry.ts';

/** A server that died without a word leaves its machines shown as online for so long. */
const onlineMs = 40_000;

/** A connected agent keeps its lease, however long it is silent about the job: a flush may take minutes. */
export async function renew({ db, serverId }: Context, connected: readonly ConnectedAgent[]): Promise<void> {
  const now = Date.now();
  const machineIds = connected.map((agent) => agent.machineId);
  const jobIds = connected.flatMap((agent) => agent.activeJobId ?? []);
  if (machineIds.length > 0) {
    await db
      .updateTable('machines')
      .set({ lastSeenAt: new Date(now).toISOString(), onlineUntil: new Date(now + onlineMs).toISOString() })
      .where('id', 'in', machineIds)
      .where('serverId', '=', serverId)
      .execute();
  }
  if (jobIds.length > 0) {
    await db
      .updateTable('jobs')
      .set({ leaseHeardAt: new Date(now).toISOString() })
      .where('id', 'in', jobIds)
      .where('state', '=', 'running')
      .execute();
  }
}
