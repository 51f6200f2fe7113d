// A server's day in small, again and again: what leaves something behind for good shows as a process that grows.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomFillSync, randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Job, Machine } from '../../protocol/rest.ts';
import type { FileAgentOptions } from '../../test/fixtures/agent/agent-on-files.ts';
import { makeUpMachine } from './made-up-machine.ts';
import type { ServerUnderTest } from './server-under-test.ts';
import { SimulatedAgent } from './simulated-agent.ts';

const agentProgram = path.join(import.meta.dirname, '../../test/fixtures/agent/agent-on-files.ts');
const diskBytes = 8 * 2 ** 20;
/** What is new on each disk in each round. */
const changedBytes = 2 ** 20;
const simulatedCount = 10;
const watcherCount = 5;
const withinMs = 300_000;
const image = 'disk of {machine}';
const person = { name: 'visitor', password: randomUUID() };
const reads = ['/v1/machines?limit=100', '/v1/images', '/v1/audit?limit=100', '/v1/schedules', '/v1/store/stats'];

export class SoakWork implements AsyncDisposable {
  /** Those of the real agents, each of a machine with two disks. */
  readonly agents: readonly ChildProcess[];
  rounds = 0;
  jobs = 0;
  readonly #server: ServerUnderTest;
  readonly #files: readonly string[];
  readonly #simulated: SimulatedAgent[] = [];
  #real: readonly string[] = [];
  #scheduleId = '';

  private constructor(server: ServerUnderTest, agents: readonly ChildProcess[], files: readonly string[]) {
    this.#server = server;
    this.agents = agents;
    this.#files = files;
  }

  /** `machines` real agents, with files in `folder` for disks, and a few simulated ones, all of them connected. */
  static async open(server: ServerUnderTest, folder: string, machines: number): Promise<SoakWork> {
    const agents: ChildProcess[] = [];
    const sources: string[] = [];
    for (let number = 0; number < machines; number++) {
      const files = [path.join(folder, `source-${number}`), path.join(folder, `target-${number}`)];
      for (const file of files) await changeFile(file, 0, diskBytes);
      agents.push(await startAgent(server, files));
      sources.push(files[0] ?? '');
    }
    const work = new SoakWork(server, agents, sources);
    await work.#begin();
    return work;
  }

  async #begin(): Promise<void> {
    const { api } = this.#server;
    const ask = api.bind(this.#server);
    const list = () => ask<Machine[]>('GET', '/v1/machines');
    await until(async () => (await list()).filter(({ online }) => online).length === this.agents.length, 'agents');
    this.#real = (await list()).map(({ id }) => id);
    for (let number = 0; number < simulatedCount; number++) this.#simulated.push(await this.#join(number));
    const machines = (await list()).map(({ id }) => id).filter((id) => !this.#real.includes(id));
    const capture = { kind: 'capture', source: { by: 'number', number: 1 }, image };
    const restore = { kind: 'restore', image, target: { by: 'number', number: 2 } };
    await ask('POST', '/v1/users', { ...person, role: 'viewer' });
    await ask('POST', '/v1/scenarios', { name: 'copy', steps: [capture, restore], end: 'wait' });
    await ask('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
    const when = { kind: 'cron', cron: '* * * * *', timeZone: 'UTC' };
    const schedule = { name: 'each minute', scenario: 'look', machines, when, wake: false };
    this.#scheduleId = (await ask<{ id: string }>('POST', '/v1/schedules', schedule)).id;
  }

  /** Some seconds of all that a server does; returns when it is at rest again. */
  async round(): Promise<void> {
    const { api } = this.#server;
    const ask = api.bind(this.#server);
    for (const file of this.#files) await changeFile(file, (this.rounds * changedBytes) % diskBytes, changedBytes);
    const { jobs } = await ask<{ jobs: Job[] }>('POST', '/v1/batches', { scenario: 'copy', machines: this.#real });
    const watchers = await Promise.all(Array.from({ length: watcherCount }, () => this.#watch(jobs[0]?.id)));
    await this.#server.ask('POST', `/v1/schedules/${this.#scheduleId}/run`);
    await this.#rejoin();
    await this.#comeAndGo();
    for (const name of ['nobody', 'operator']) await this.#failToLogIn(name);
    const read = (id: string) => ask<Job>('GET', `/v1/jobs/${id}`);
    await until(async () => {
      for (const agent of this.#simulated) agent.finish();
      const ends = await Promise.all(jobs.map(async ({ id }) => (await read(id)).endedAt));
      return !ends.includes(null) && this.#simulated.every(({ busy }) => !busy);
    }, 'the jobs of a round');
    for (const { id } of jobs) {
      const { state, error } = await read(id);
      if (state !== 'succeeded') throw new Error(`job ${id}: ${state}, ${error?.message}`);
      for (const what of ['report', 'log']) await this.#server.ask('GET', `/v1/jobs/${id}/${what}`);
    }
    for (const where of reads) await this.#server.ask('GET', where);
    // One way to leave is to say so, the other is to be gone.
    for (const [index, watcher] of watchers.entries()) index % 2 === 0 ? watcher.close() : watcher.terminate();
    for (const { name } of await ask<{ name: string }[]>('GET', '/v1/images'))
      await this.#server.ask('DELETE', `/v1/images/${encodeURIComponent(name)}`);
    await this.#server.ask('POST', '/v1/store/gc', { olderThanMs: 0, dryRun: false });
    this.jobs += jobs.length + simulatedCount;
    this.rounds++;
  }

  async #join(number: number): Promise<SimulatedAgent> {
    const inventory = makeUpMachine(number);
    const facts = { uuid: inventory.smbios.uuid, macs: inventory.nics.map(({ mac }) => mac) };
    const { token } = await this.#server.api<{ token: string }>('POST', '/v1/boot-token', facts);
    return SimulatedAgent.join(this.#server.child.port, token, inventory);
  }

  /** One of the machines is reset and boots again. */
  async #rejoin(): Promise<void> {
    const number = this.rounds % simulatedCount;
    const agent = this.#simulated[number];
    await until(() => {
      agent?.finish();
      return agent?.busy !== true;
    }, 'a machine at rest');
    agent?.close();
    this.#simulated[number] = await this.#join(number);
  }

  async #watch(job = ''): Promise<WebSocket> {
    const { port, access } = this.#server.child;
    const headers = { authorization: `Bearer ${access.token}` };
    const socket = new WebSocket(`wss://127.0.0.1:${port}/v1/events`, { rejectUnauthorized: false, headers });
    await new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('open', () => socket.send(JSON.stringify({ type: 'watch', machines: true, jobs: true, job })));
      socket.once('message', resolve);
    });
    return socket;
  }

  async #comeAndGo(): Promise<void> {
    const { token } = await this.#server.api<{ token: string }>('POST', '/v1/sessions', person);
    await this.#server.ask('GET', '/v1/me', undefined, token);
    await this.#server.ask('DELETE', '/v1/sessions/own', undefined, token);
  }

  async #failToLogIn(name: string): Promise<void> {
    const answer = this.#server.ask('POST', '/v1/sessions', { name, password: randomUUID() });
    const said = await answer.then(String, (thrown: Error) => thrown.message);
    if (!/ (401|429) /.test(said)) throw new Error(`a wrong password: ${said}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#simulated) agent.close();
    for (const agent of this.agents) agent.kill('SIGKILL');
  }
}

async function startAgent(server: ServerUnderTest, files: readonly string[]): Promise<ChildProcess> {
  const { url, caFingerprint } = server.child.access;
  const uuid = randomUUID();
  const { token } = await server.api<{ token: string }>('POST', '/v1/boot-token', { uuid, macs: [] });
  const agent = { serverUrl: url, caFingerprint, token, bootId: randomUUID(), uuid };
  const options: FileAgentOptions = { ...agent, files, outageMs: withinMs };
  return spawn(process.execPath, [agentProgram, JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function changeFile(file: string, offsetBytes: number, lengthBytes: number): Promise<void> {
  const handle = await open(file, offsetBytes === 0 && lengthBytes === diskBytes ? 'w' : 'r+');
  await handle.write(randomFillSync(Buffer.alloc(lengthBytes)), 0, lengthBytes, offsetBytes);
  await handle.close();
}

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const endMs = performance.now() + withinMs; performance.now() < endMs; await sleep(50)) {
    if (await holds()) return;
  }
  throw new Error(`${what}: not within ${withinMs / 1000} s`);
}
