// Live events: what a client that watches is told, by whichever server the change was made, and who may watch.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type Event, eventsSchema, type WatchRequest } from '../../protocol/events.ts';
import type { Job, Machine } from '../../protocol/rest.ts';
import { ChangeFeed } from '../../server/events/change-feed.ts';
import { Watcher } from '../../server/events/watcher.ts';
import { openByText } from '../fixtures/databases.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { eventually, TestServer, uuidA } from './support.ts';

type Client = {
  readonly socket: WebSocket;
  readonly events: Event[];
  watch(what: Partial<WatchRequest>): Promise<void>;
};

/** Rejects with the status when it is refused. */
function connect(port: number, headers: Record<string, string>): Promise<Client> {
  const socket = new WebSocket(`wss://127.0.0.1:${port}/v1/events`, { rejectUnauthorized: false, headers });
  const events: Event[] = [];
  socket.on('message', (data: Buffer) => events.push(...eventsSchema.parse(JSON.parse(data.toString()))));
  const watch = async (what: Partial<WatchRequest>) => {
    const before = events.length;
    socket.send(JSON.stringify({ type: 'watch', ...what }));
    await eventually(async () => events.slice(before).some(({ type }) => type === 'watching'));
  };
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ socket, events, watch }));
    socket.once('unexpected-response', (_request, response) => {
      reject(new Error(String(response.statusCode)));
      socket.terminate();
    });
    socket.on('error', () => {});
  });
}

const closed = (socket: WebSocket): Promise<string> =>
  new Promise((resolve) => socket.once('close', (code, reason) => resolve(`${code} ${reason}`)));

function saw<Type extends Event['type']>(
  { events }: Client,
  type: Type,
  wanted: (event: Extract<Event, { type: Type }>) => boolean = () => true,
): Promise<Extract<Event, { type: Type }>> {
  type Wanted = Extract<Event, { type: Type }>;
  return eventually(async () =>
    events.find((event): event is Wanted => event.type === type && wanted(event as Wanted)),
  );
}

async function approvedMachine(server: TestServer): Promise<{ machine: Machine; token: string }> {
  const token = await server.bootToken(uuidA);
  const [machine] = await server.machines();
  return { machine: await server.api('PATCH', `/v1/machines/${machine?.id}`, { state: 'approved' }), token };
}

describe.concurrent('a client that watches', () => {
  it('is told of machines that appear, change, come online, go, and are forgotten', async () => {
    await using server = await TestServer.start();
    const client = await connect(server.running.port, server.operator);
    await client.watch({ machines: true });
    const { machine, token } = await approvedMachine(server);
    expect(await saw(client, 'machine', ({ state }) => state === 'approved')).toMatchObject({
      name: machine.name,
      online: false,
    });
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidA });
    await saw(client, 'machine', ({ online }) => online);
    await server.api('PATCH', `/v1/machines/${machine.id}`, { name: 'web-01' });
    expect(await saw(client, 'machine', ({ name }) => name === 'web-01')).toMatchObject({ online: true });
    await server.api('PATCH', `/v1/machines/${machine.id}`, { addTags: ['lab'] });
    await saw(client, 'machine', ({ tags }) => tags.includes('lab'));
    client.events.length = 0;
    agent.cut();
    await saw(client, 'machine', ({ online }) => !online);
    await server.api('DELETE', `/v1/machines/${machine.id}`);
    expect(await saw(client, 'machineGone')).toEqual({ type: 'machineGone', id: machine.id });
    expect(client.events.some(({ type }) => type === 'job')).toBe(false);
  });

  it('is told of a job from its making to its end, its progress once a second, and its log', async () => {
    await using server = await TestServer.start();
    const { machine, token } = await approvedMachine(server);
    await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }] });
    const [all, one] = [
      await connect(server.running.port, server.operator),
      await connect(server.running.port, server.operator),
    ];
    await all.watch({ jobs: true });
    const job = await server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: machine.id });
    await one.watch({ job: job.id });
    expect(await saw(all, 'job')).toMatchObject({ id: job.id, state: 'queued', machineName: machine.name });
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidA });
    const handed = await agent.next('job');
    expect((await saw(one, 'log')).entries).toMatchObject([{ number: 1, message: /^handed to / }]);
    for (const client of [all, one]) await saw(client, 'job', ({ state }) => state === 'running');
    const startMs = performance.now();
    for (let done = 0; done < 100; done++) {
      agent.progress(handed, done);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await saw(one, 'progress', ({ progress }) => progress.bytesDone >= 50);
    const seconds = (performance.now() - startMs) / 1000;
    expect(one.events.filter(({ type }) => type === 'progress').length).toBeLessThanOrEqual(seconds + 1);
    agent.send({ type: 'log', jobId: job.id, level: 'warning', message: 'a sector was slow' });
    agent.done(handed);
    for (const client of [all, one]) await saw(client, 'job', ({ state }) => state === 'succeeded');
    const log = await eventually(async () => {
      const entries = one.events.flatMap((event) => (event.type === 'log' ? event.entries : []));
      return entries.length === 3 && entries;
    });
    expect(log.map(({ number, message }) => [number, message]).slice(1)).toEqual([
      [2, 'a sector was slow'],
      [3, 'job succeeded'],
    ]);
    expect(all.events.some(({ type }) => type === 'log')).toBe(false);
  });

  it('is told what other servers on its database do, and that a machine is offline whose server died', async () => {
    await using server = await TestServer.start();
    const { machine } = await approvedMachine(server);
    const client = await connect(server.running.port, server.operator);
    await client.watch({ machines: true, jobs: true });
    // What the other server's agent does to the database; then nothing more is heard of that server.
    const other = await openByText(server.database);
    const [now, soon] = [new Date().toISOString(), new Date(Date.now() + 2500).toISOString()];
    await other
      .updateTable('machines')
      .set({ lastSeenAt: now, onlineUntil: soon })
      .where('id', '=', machine.id)
      .execute();
    await saw(client, 'machine', ({ online }) => online);
    client.events.length = 0;
    await saw(client, 'machine', ({ online }) => !online);
    // Said again and again while an agent is connected; nobody needs to hear of that.
    client.events.length = 0;
    for (const seconds of [1000, 2000]) {
      const onlineUntil = new Date(Date.now() + seconds * 1000).toISOString();
      await other.updateTable('machines').set({ lastSeenAt: new Date().toISOString(), onlineUntil }).execute();
    }
    await other.destroy();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(client.events.map(({ type }) => type)).toEqual(['machine']);
  });

  it('that names no job of this server, or says what is no request, is told so and sent away', async () => {
    await using server = await TestServer.start();
    for (const [text, answer] of [
      ['{"type":"watch","job":"nothing"}', '1008 job-not-found: no job nothing'],
      ['{"type":"watch","everything":true}', /^1008 invalid-input: /],
      ['hello', '1008 invalid-input: no JSON'],
      [' '.repeat(5000), /^1009 /],
    ] as const) {
      const { socket } = await connect(server.running.port, server.operator);
      socket.send(text);
      expect(await closed(socket)).toMatch(answer);
    }
  });
});

describe.concurrent('watching', () => {
  const password = 'correct horse battery';

  it('takes a viewer, and with a cookie a page of this server', async () => {
    await using server = await TestServer.start();
    const { port } = server.running;
    await server.api('POST', '/v1/users', { name: 'ann', password, role: 'viewer' });
    const login = await server.tls('/v1/sessions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'ann', password }),
    });
    const cookie = (login.headers['set-cookie'] as string[])[0]?.split(';', 1)[0] ?? '';
    const own = `https://127.0.0.1:${port}`;
    await connect(port, { cookie, origin: own });
    for (const headers of [{ cookie }, { cookie, origin: 'https://evil.example' }, { cookie, origin: 'null' }]) {
      await expect(connect(port, headers as Record<string, string>)).rejects.toThrow('403');
    }
    await expect(connect(port, {})).rejects.toThrow('401');
    await expect(connect(port, { authorization: 'Bearer x', origin: own })).rejects.toThrow('401');
    const agent = { authorization: `Bearer ${await server.bootToken(uuidA)}`, 'deploy-boot-id': randomUUID() };
    await expect(connect(port, agent)).rejects.toThrow('403');
  });

  it('ends with the token that it began with', async () => {
    await using server = await TestServer.start();
    const user = await server.api<{ id: string }>('POST', '/v1/users', { name: 'ann', password, role: 'viewer' });
    const login = await server.api<{ token: string }>('POST', '/v1/sessions', { name: 'ann', password });
    const { socket, watch } = await connect(server.running.port, { authorization: `Bearer ${login.token}` });
    await watch({ machines: true });
    await server.api('DELETE', `/v1/users/${user.id}`);
    socket.send(JSON.stringify({ type: 'watch', jobs: true }));
    expect(await closed(socket)).toMatch(/^1008 unauthorized: /);
  });

  it('ends with the server', async () => {
    await using server = await TestServer.start();
    const client = await connect(server.running.port, server.operator);
    await client.watch({ machines: true });
    const end = closed(client.socket);
    await server.restart();
    expect(await end).toBe('1012 the server stops');
  });
});

describe('a slow client', () => {
  const socketOf = (bufferedAmount: number) => {
    const sent: string[] = [];
    const socket = { OPEN: 1, readyState: 1, bufferedAmount, send: (text: string) => sent.push(text), close: () => {} };
    return { socket, sent, watcher: new Watcher(socket as unknown as WebSocket) };
  };
  const progress = (jobId: string, bytesDone: number): Event => ({
    type: 'progress',
    jobId,
    progress: { step: 0, phase: 'capture', bytesDone, bytesTotal: 9, bytesTransferred: 0, bytesPerSecond: 0 },
  });
  const offer = (watcher: Watcher, event: Event) => watcher.offer(event, JSON.stringify(event));

  it('is told the newest of each thing once it can take more', () => {
    const { socket, sent, watcher } = socketOf(2 ** 20);
    for (let i = 0; i < 5; i++) for (const id of ['a', 'b']) offer(watcher, progress(id, i));
    watcher.flush();
    expect(sent).toEqual([]);
    socket.bufferedAmount = 0;
    watcher.flush();
    watcher.flush();
    expect(sent.map((text) => JSON.parse(text))).toEqual([[progress('a', 4), progress('b', 4)]]);
  });

  it('is told to read everything anew when too much waits for it, and misses old lines of a log', () => {
    const { sent, watcher } = socketOf(0);
    watcher.begin({ type: 'watch', machines: false, jobs: true, imageChecks: false, job: 'a' }, 'm');
    for (let i = 0; i < 5001; i++) offer(watcher, progress(`job-${i}`, 1));
    const entry = (number: number) => ({
      number,
      at: '2026-01-01T00:00:00.000Z',
      level: 'info' as const,
      message: 'x',
    });
    for (let i = 1; i <= 5000; i++) watcher.offerLog([entry(i)]);
    watcher.flush();
    const [frame = ''] = sent;
    const [first, second] = eventsSchema.parse(JSON.parse(frame));
    expect(first).toEqual({ type: 'resync' });
    expect(second).toMatchObject({
      type: 'log',
      entries: { length: 1000, 0: { number: 4001 }, 999: { number: 5000 } },
    });
  });
});

describe('the feed of changes', () => {
  it('tells of a change once, and of one that appears late although its number is smaller', async () => {
    await using server = await TestServer.start();
    const db = await openByText(server.database);
    const note = (number: number, id: string) => db.insertInto('changes').values({ number, kind: 'job', id }).execute();
    await note(100, 'before');
    const feed = await ChangeFeed.open(db);
    await note(103, 'b');
    await note(104, 'b');
    expect(await feed.read()).toEqual([{ kind: 'job', id: 'b' }]);
    await note(102, 'late');
    expect(await feed.read()).toEqual([{ kind: 'job', id: 'late' }]);
    expect(await feed.read()).toEqual([]);
    await db.destroy();
  });
});
