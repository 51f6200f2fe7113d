// Fourth stage: what is to be told to the server waits here while there is no connection.
import type { AgentMessage } from '../../protocol/agent-messages.ts';

const keptLines = 500;

type LogMessage = Extract<AgentMessage, { type: 'log' }>;

/** Log lines in order. The oldest go when there are too many: an outage may last for hours. */
export class LogQueue {
  #lines: LogMessage[] = [];

  add(line: LogMessage): void {
    this.#lines = [...this.#lines, line].slice(-keptLines);
  }

  /** Sends until the channel takes no more. A line in the buffer of a connection that breaks is lost; jobs do not depend on it. */
  sendTo(channel: { send(message: AgentMessage): boolean }): void {
    const refusedAt = this.#lines.findIndex((line) => !channel.send(line));
    this.#lines = refusedAt < 0 ? [] : this.#lines.slice(refusedAt);
  }
}
