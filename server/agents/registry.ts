// The agents that are connected to this server now: nothing else about them is kept outside the database.
import type { ServerMessage } from '../../protocol/agent-messages.ts';

export type ConnectedAgent = {
  readonly machineId: string;
  readonly bootId: string;
  /** The job that it was handed or goes on with; null when it can take one. */
  activeJobId: string | null;
  /** No job is handed out before, because its machine is about to reboot or power off. Milliseconds of this process (performance.now). */
  restUntilMs: number;
  approved: boolean;
  /** The kinds of steps that it knows. */
  steps?: readonly string[];
  /** What it was told of its job last; null before that. */
  paused: boolean | null;
  /** It can send magic packets, in these networks (`192.0.2.5/24`). */
  wakesIn: readonly string[];
  send(message: ServerMessage): void;
  close(reason: string): void;
};

export class AgentRegistry {
  readonly #byMachine = new Map<string, ConnectedAgent>();
  #turn: Promise<unknown> = Promise.resolve();

  /** One hand-out at a time: a thousand at once would only be in each other's way in the database. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** A machine has one agent: an older connection, most likely dead without knowing, is closed. */
  add(agent: ConnectedAgent): void {
    this.#byMachine.get(agent.machineId)?.close('the agent connected again');
    this.#byMachine.set(agent.machineId, agent);
  }

  /** False when another connection has taken the agent's place already. */
  remove(agent: ConnectedAgent): boolean {
    return this.#byMachine.get(agent.machineId) === agent && this.#byMachine.delete(agent.machineId);
  }

  get(machineId: string): ConnectedAgent | undefined {
    return this.#byMachine.get(machineId);
  }

  list(): ConnectedAgent[] {
    return [...this.#byMachine.values()];
  }
}
