// An agent that does what a test tells it: real WebSocket, real frames, no disks.
import { randomUUID } from 'node:crypto';
import { Packr } from 'msgpackr';
import { WebSocket } from 'ws';
import {
  type AgentMessage,
  protocolVersion,
  type ServerMessage,
  serverMessageSchema,
} from '../../protocol/agent-messages.ts';
import { stepKinds } from '../../protocol/scenario.ts';
import { makeInventory } from './support.ts';

const packr = new Packr({ useRecords: false });

export type AgentFacts = {
  readonly port: number;
  readonly token: string;
  readonly uuid: string;
  readonly bootId?: string;
  /** It can wake others. */
  readonly wakes?: boolean;
};

type Message<Type extends ServerMessage['type']> = Extract<ServerMessage, { type: Type }>;

export class ScriptedAgent {
  readonly facts: Required<AgentFacts>;
  readonly received: ServerMessage[] = [];
  readonly #socket: WebSocket;
  readonly #waiting = new Set<() => void>();
  #seen = 0;
  closed = false;

  private constructor(facts: Required<AgentFacts>, socket: WebSocket) {
    this.facts = facts;
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      this.received.push(serverMessageSchema.parse(packr.unpack(data)));
      this.#wake();
    });
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
    socket.on('error', () => {});
  }

  /** Connects; rejects with `401` and the like when the upgrade is refused. */
  static open({ bootId = randomUUID(), wakes = false, ...rest }: AgentFacts): Promise<ScriptedAgent> {
    const facts = { bootId, wakes, ...rest };
    const socket = new WebSocket(`wss://127.0.0.1:${facts.port}/v1/agent`, {
      rejectUnauthorized: false,
      headers: { authorization: `Bearer ${facts.token}`, 'deploy-boot-id': bootId },
    });
    const agent = new ScriptedAgent(facts, socket);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(agent));
      socket.once('unexpected-response', (_request, response) => {
        reject(new Error(String(response.statusCode)));
        socket.terminate();
      });
      socket.once('error', reject);
    });
  }

  /** Connects and says hello; what is answered is in `received`. */
  static async join(facts: AgentFacts, activeJob?: { jobId: string; leaseId: string }): Promise<ScriptedAgent> {
    const agent = await ScriptedAgent.open(facts);
    agent.hello(activeJob);
    return agent;
  }

  get headers(): { authorization: string; 'deploy-boot-id': string } {
    return { authorization: `Bearer ${this.facts.token}`, 'deploy-boot-id': this.facts.bootId };
  }

  hello(activeJob?: { jobId: string; leaseId: string }, protocol = protocolVersion): void {
    const inventory = makeInventory(this.facts.uuid);
    const extra = activeJob === undefined ? {} : { activeJob };
    this.send({
      type: 'hello',
      protocol,
      agentVersion: 'test',
      inventory,
      steps: [...stepKinds],
      wakes: this.facts.wakes,
      ...extra,
    });
  }

  send(message: AgentMessage): void {
    this.sendRaw(packr.pack(message));
  }

  sendRaw(frame: Uint8Array): void {
    this.#socket.send(frame);
  }

  progress(job: Message<'job'>, bytesDone: number): void {
    const figures = { step: 0, phase: 'capture', bytesDone, bytesTotal: 100, bytesTransferred: 0, bytesPerSecond: 1 };
    this.send({ type: 'progress', jobId: job.jobId, leaseId: job.leaseId, ...figures });
  }

  done(job: { jobId: string; leaseId: string }, error?: { code: string; message: string }): void {
    const extra = error === undefined ? {} : { error };
    this.send({ type: 'done', jobId: job.jobId, leaseId: job.leaseId, results: [], ...extra });
  }

  /** The next message of that type after those already taken. */
  async next<Type extends ServerMessage['type']>(type: Type, withinMs = 5000): Promise<Message<Type>> {
    const deadline = AbortSignal.timeout(withinMs);
    for (;;) {
      const index = this.received.findIndex((message, i) => i >= this.#seen && message.type === type);
      if (index >= 0) {
        this.#seen = index + 1;
        return this.received[index] as Message<Type>;
      }
      if (this.closed || deadline.aborted) {
        const got = this.received.map((message) => message.type).join(', ');
        throw new Error(`no ${type} (${this.closed ? 'closed' : 'in time'}); received: ${got}`);
      }
      await this.#somethingNew(deadline);
    }
  }

  /** True when none of that type arrives for a while. */
  async gets(type: ServerMessage['type'], withinMs: number): Promise<boolean> {
    return this.next(type, withinMs).then(
      () => true,
      () => false,
    );
  }

  #somethingNew(deadline: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
      deadline.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  async until(condition: () => boolean, withinMs = 5000): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error('not in time');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** As when the cable is pulled: no goodbye. */
  cut(): void {
    this.#socket.terminate();
  }
}
