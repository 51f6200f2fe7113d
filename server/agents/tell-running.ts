// Tells connected agents what people, at whichever server, want of their running jobs: to stop, to stand still, to go on.
import type { Context } from '../context.ts';

/** Of all of them, or of one job. What holds is said again every time: the agent ignores what it knows. */
export async function tellRunning({ db, agents }: Context, jobId?: string): Promise<void> {
  const running = agents.list().flatMap(({ activeJobId }) => activeJobId ?? []);
  const asked = jobId === undefined ? running : running.filter((id) => id === jobId);
  if (asked.length === 0) return;
  const rows = await db
    .selectFrom('jobs')
    .select(['id', 'machineId', 'cancelRequested', 'held'])
    .where('id', 'in', asked)
    .where('state', '=', 'running')
    .execute();
  for (const { id, machineId, cancelRequested, held } of rows) {
    const agent = agents.get(machineId);
    if (agent?.activeJobId !== id) continue;
    const paused = held !== null;
    if (paused || agent.paused !== paused) agent.send({ type: 'pause', jobId: id, paused });
    agent.paused = paused;
    if (cancelRequested === 1) agent.send({ type: 'cancel', jobId: id });
  }
}
