// The agent's recipe, from a machine with its devices to the end of its job; main.ts makes the context for the Deploy-OS.

import type { AgentContext } from './context.ts';
import { Session } from './session.ts';

/** Finds the server, registers and runs jobs. Returns when a job's end has told the machine to reboot or power off. */
export async function runAgent(context: AgentContext): Promise<void> {
  const server = await context.reachServer();
  context.status.update({ stage: (words) => words.stage.registering, waitingFor: [] });
  await new Session(context, server).ended;
}
