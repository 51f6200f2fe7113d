// An agent without a machine: real TLS, WebSocket and frames; it takes jobs and reports progress each second until it is told to end them.
import { randomUUID } from 'node:crypto';
import { Packr } from 'msgpackr';
import { WebSocket } from 'ws';
import { type AgentMessage, protocolVersion, type ServerMessage } from '../../protocol/agent-messages.ts';
import type { Inventory } from '../../protocol/inventory.ts';

const packr = new Packr({ useRecords: false });
const totalBytes = 64 * 2 ** 30;

export class SimulatedAgent {
  readonly #socket: WebSocket;
  readonly #inventory: Inventory;
  #job: { readonly jobId: string; readonly leaseId: string } | null = null;
  #bytesDone = 0;
  closed = false;
  jobsDone = 0;

  private constructor(socket: WebSocket, inventory: Inventory) {
    this.#socket = socket;
    this.#inventory = inventory;
    socket.on('message', (data: Buffer) => this.#take(packr.unpack(data) as ServerMessage));
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('error', () => {});
  }

  /** Resolves when it is welcome. */
  static async join(port: number, token: string, inventory: Inventory): Promise<SimulatedAgent> {
    const socket = new WebSocket(`wss://127.0.0.1:${port}/v1/agent`, {
      rejectUnauthorized: false,
      headers: { authorization: `Bearer ${token}`, 'deploy-boot-id': randomUUID() },
    });
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    const agent = new SimulatedAgent(socket, inventory);
    agent.#send({ type: 'hello', protocol: protocolVersion, agentVersion: 'simulated', inventory });
    await new Promise<void>((resolve, reject) => {
      socket.once('message', () => resolve());
      socket.once('close', () => reject(new Error('closed')));
    });
    return agent;
  }

  get busy(): boolean {
    return this.#job !== null;
  }

  report(): void {
    if (this.#job === null) return;
    this.#bytesDone += 2 ** 26;
    const figures = { bytesTotal: totalBytes, bytesTransferred: this.#bytesDone / 2, bytesPerSecond: 2 ** 26 };
    this.#send({ type: 'progress', ...this.#job, step: 0, phase: 'capture', bytesDone: this.#bytesDone, ...figures });
  }

  /** The job has ended well; the last report is at once before it. */
  finish(): void {
    if (this.#job === null) return;
    this.report();
    this.#send({ type: 'done', ...this.#job, results: [] });
  }

  close(): void {
    this.#socket.terminate();
  }

  #take(message: ServerMessage): void {
    if (message.type === 'job') {
      this.#job = { jobId: message.jobId, leaseId: message.leaseId };
      this.#bytesDone = 0;
    }
    if (message.type === 'doneReceived') {
      this.#job = null;
      this.jobsDone++;
    }
  }

  #send(message: AgentMessage): void {
    this.#socket.send(packr.pack(message));
  }

  get name(): string {
    return this.#inventory.smbios.serial ?? '';
  }
}
