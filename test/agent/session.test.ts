// The agent's side of the control channel against a server that follows a script: what is lost, repeated, or makes no sense.
import { setTimeout as sleep } from 'node:timers/promises';
import { Packr } from 'msgpackr';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { Status } from '../../agent/screen/status.ts';
import { en } from '../../agent/screen/words/en.ts';
import { Session } from '../../agent/session.ts';
import type { AgentMessage, ServerMessage } from '../../protocol/agent-messages.ts';
import { startHostileServer } from '../imaging/store/test-server.ts';

const packr = new Packr({ useRecords: false });
const inventory = {
  smbios: { uuid: null, serial: null, manufacturer: null, product: null },
  firmware: 'bios' as const,
  secureBoot: false,
  cpu: { model: 'x', count: 1 },
  memoryBytes: 1,
  watchdog: null,
  nics: [],
  disks: [],
};
const job = {
  type: 'job' as const,
  jobId: 'j1',
  leaseId: 'l1',
  scenarioName: 'look',
  steps: [{ kind: 'check' as const }],
  end: 'reboot' as const,
};

/** One connection as the server sees it. */
class Connection {
  readonly #socket: WebSocket;
  readonly #received: AgentMessage[] = [];

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.#received.push(packr.unpack(data)));
  }

  send(message: ServerMessage | object): void {
    this.#socket.send(packr.pack(message));
  }

  sendBytes(bytes: Buffer): void {
    this.#socket.send(bytes);
  }

  drop(): void {
    this.#socket.terminate();
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** The next message, whatever it is. */
  async first(): Promise<AgentMessage> {
    while (this.#received.length === 0) await sleep(5);
    return this.#received.shift() as AgentMessage;
  }

  /** The next message of that type; others before it are passed over. */
  async next<T extends AgentMessage['type']>(type: T): Promise<Extract<AgentMessage, { type: T }>> {
    const endMs = performance.now() + 10_000;
    while (performance.now() < endMs) {
      const message = this.#received.shift();
      if (message?.type === type) return message as Extract<AgentMessage, { type: T }>;
      if (message === undefined) await sleep(5);
    }
    throw new Error(`no ${type} came`);
  }

  async welcome(more: object = {}): Promise<void> {
    this.send({
      type: 'welcome',
      machineId: 'm1',
      machineName: 'web-01',
      state: 'approved',
      serverTimeMs: Date.now(),
      ...more,
    });
  }
}

let server: Awaited<ReturnType<typeof startHostileServer>>;
let waiting: Connection[];
let ends: string[];
let holdDisks: Promise<void>;
let holdInventory: Promise<void>;
let session: Session;
let status: Status;
let asked: string[];
let changeHardware: () => Promise<void>;

beforeEach(async () => {
  server = await startHostileServer((_request, response) => response.writeHead(404).end());
  waiting = [];
  ends = [];
  asked = [];
  holdDisks = Promise.resolve();
  holdInventory = Promise.resolve();
  const sockets = new WebSocketServer({ server: server.listener, path: '/v1/agent' });
  sockets.on('connection', (socket) => waiting.push(new Connection(socket)));
  status = new Status(server.url);
  session = new Session(
    {
      token: 't',
      bootId: 'b',
      status,
      progressMs: 100,
      outageMs: 1000,
      lateDiskMs: 0,
      workers: 1,
      reachServer: async () => server,
      listDisks: async () => {
        await holdDisks;
        return [];
      },
      collectInventory: async () => {
        await holdInventory;
        return inventory;
      },
      watchHardware: (onChange) => {
        changeHardware = onChange;
      },
      loadKernel: async (devicePath) => {
        asked.push(devicePath);
        return true;
      },
      endMachine: async (action) => {
        ends.push(action);
      },
    },
    server,
  );
});
afterEach(async () => {
  session.close();
  await server.close();
});

async function nextConnection(): Promise<Connection> {
  const endMs = performance.now() + 10_000;
  while (waiting.length === 0) {
    if (performance.now() > endMs) throw new Error('nobody connected');
    await sleep(5);
  }
  return waiting.shift() as Connection;
}

it('repeats the result of a job after each reconnection until it is received, and only then ends the machine', async () => {
  const first = await nextConnection();
  expect(await first.next('hello')).not.toHaveProperty('activeJob');
  await first.welcome();
  first.send(job);
  expect(await first.next('done')).toMatchObject({ jobId: 'j1', leaseId: 'l1' });
  first.drop();
  const second = await nextConnection();
  expect(await second.next('hello')).toMatchObject({ activeJob: { jobId: 'j1', leaseId: 'l1' } });
  await second.welcome({ continueJob: true });
  await second.next('done');
  expect(ends).toEqual([]);
  second.send({ type: 'doneReceived', jobId: 'another' });
  await sleep(50);
  expect(ends).toEqual([]);
  second.send({ type: 'doneReceived', jobId: 'j1' });
  await session.ended;
  expect(ends).toEqual(['reboot']);
});

it('shows the name that its machine is given while it is connected', async () => {
  const connection = await nextConnection();
  await connection.welcome();
  connection.send({ type: 'state', state: 'approved' });
  connection.send({ type: 'state', state: 'approved', machineName: '経理 03' });
  const endMs = performance.now() + 5000;
  while (status.model.machineName !== '経理 03' && performance.now() < endMs) await sleep(5);
  expect(status.model).toMatchObject({ machineName: '経理 03', machineState: 'approved' });
});

it('tells its inventory when hardware has come or gone and when a job has ended, but not in the middle of one', async () => {
  const connection = await nextConnection();
  await connection.welcome({ takesInventory: true });
  const disks = Promise.withResolvers<void>();
  holdDisks = disks.promise;
  connection.send({ ...job, end: 'wait' });
  const endMs = performance.now() + 5000;
  while (!status.model.busy && performance.now() < endMs) await sleep(5);
  await changeHardware();
  disks.resolve();
  const types: string[] = [];
  while (types.at(-1) !== 'done') types.push((await connection.first()).type);
  expect(types).not.toContain('inventory');
  connection.send({ type: 'doneReceived', jobId: 'j1' });
  expect(await connection.next('inventory')).toEqual({ type: 'inventory', inventory });
  await changeHardware();
  await connection.next('inventory');
});

it('tells its inventory with hello only where the server takes nothing else', async () => {
  const connection = await nextConnection();
  await connection.welcome();
  connection.send({ ...job, end: 'wait' });
  await connection.next('done');
  connection.send({ type: 'doneReceived', jobId: 'j1' });
  connection.send({ ...job, jobId: 'j2', end: 'wait' });
  const types: string[] = [];
  while (types.at(-1) !== 'done') {
    await changeHardware();
    types.push((await connection.first()).type);
  }
  expect(types).not.toContain('inventory');
});

it('does not run a job twice that ended while the server was away: it sends the result under the new lease', async () => {
  const first = await nextConnection();
  await first.welcome();
  first.send(job);
  await first.next('done');
  first.drop();
  const second = await nextConnection();
  await second.welcome({ continueJob: false });
  await second.next('done');
  second.send({ ...job, leaseId: 'l2' });
  expect(await second.next('done')).toMatchObject({ leaseId: 'l2' });
});

it('stops a job that is no longer its own and says nothing more of it', async () => {
  let release = (): void => {};
  holdDisks = new Promise((resolve) => {
    release = resolve;
  });
  const first = await nextConnection();
  await first.welcome();
  first.send(job);
  await first.next('progress');
  first.drop();
  const second = await nextConnection();
  expect(await second.next('hello')).toMatchObject({ activeJob: { jobId: 'j1' } });
  await second.welcome({ continueJob: false });
  second.send({ ...job, jobId: 'j2', leaseId: 'l2' });
  await sleep(50);
  release();
  expect(await second.next('done')).toMatchObject({ jobId: 'j2' });
});

it('takes over a new lease for the job that it is running', async () => {
  let release = (): void => {};
  holdDisks = new Promise((resolve) => {
    release = resolve;
  });
  const first = await nextConnection();
  await first.welcome();
  first.send(job);
  await first.next('progress');
  first.send({ ...job, leaseId: 'l2' });
  await sleep(50);
  release();
  expect(await first.next('done')).toMatchObject({ jobId: 'j1', leaseId: 'l2' });
});

it('drops a connection that speaks nonsense, and comes back', async () => {
  for (const nonsense of [
    Buffer.from([0xc1]),
    packr.pack({ type: 'reboot now' }),
    packr.pack({ ...job, steps: [] }),
    Buffer.alloc(0),
  ]) {
    const connection = await nextConnection();
    await connection.next('hello');
    connection.sendBytes(nonsense);
    await expect.poll(() => connection.isOpen).toBe(false);
  }
  expect(ends).toEqual([]);
}, 20_000);

it('shows why it was refused', async () => {
  const first = await nextConnection();
  first.send({
    type: 'refused',
    error: { code: 'protocol-version', message: 'the agent speaks protocol 1, this server 2' },
  });
  await expect.poll(() => status.model.stage(en)).toContain('this server 2');
});

it('says hello before anything else, however long the inventory takes and whatever is logged meanwhile', async () => {
  const first = await nextConnection();
  await first.welcome();
  const collected = Promise.withResolvers<void>();
  holdInventory = collected.promise;
  first.drop();
  const second = await nextConnection();
  status.log('warning', 'said while the inventory is collected');
  await sleep(100);
  collected.resolve();
  expect(await second.first()).toMatchObject({ type: 'hello' });
});

it('reboots after a job that was to start what it restored, and restored nothing, and says why', async () => {
  const connection = await nextConnection();
  await connection.welcome();
  connection.send({ ...job, end: 'kexec' });
  const { jobId, message } = await connection.next('log');
  expect([jobId, message]).toEqual([
    'j1',
    'kexec: no disk was restored; the machine reboots instead, by its firmware and boot loader',
  ]);
  await connection.next('done');
  connection.send({ type: 'doneReceived', jobId: 'j1' });
  await session.ended;
  expect([ends, asked]).toEqual([['reboot'], []]);
});
