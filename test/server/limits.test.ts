// How many jobs run at once: who is next, by pure reckoning; and that two servers on one database never go past a limit.
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Job } from '../../protocol/rest.ts';
import { jobLimitsSchema } from '../../protocol/settings.ts';
import { findRefused, networkOf, type Place } from '../../server/jobs/limits.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { eventually, TestServer } from './support.ts';

const place = (id: string, serverId: string, address: string): Place => ({ id, machineId: id, serverId, address });
const limitsOf = (given: object) => jobLimitsSchema.parse(given);

describe('a limit', () => {
  it('gives places by age, and a full network keeps no other one waiting', () => {
    const waiting = [
      place('1', 'a', '10.0.1.1'),
      place('2', 'a', '10.0.1.2'),
      place('3', 'a', '10.0.2.1'),
      place('4', 'a', '10.0.3.1'),
    ];
    const refused = findRefused(limitsOf({ network: 1, server: 3 }), {
      running: [place('0', 'a', '10.0.1.9')],
      waiting,
    });
    expect([...refused.keys()]).toEqual(['1', '2']);
    expect(refused.get('1')).toEqual({ code: 'limit-network', values: { network: '10.0.1.0/24', most: '1' } });
    const perServer = findRefused(limitsOf({ server: 2 }), { running: [place('0', 'a', '10.0.1.9')], waiting });
    expect([...perServer]).toEqual(['2', '3', '4'].map((id) => [id, { code: 'limit-server', values: { most: '2' } }]));
  });

  it('is never passed, and leaves no place empty that somebody could take', () => {
    const anyPlace = fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 0, max: 3 }));
    const most = fc.option(fc.integer({ min: 1, max: 4 }));
    fc.assert(
      fc.property(
        fc.array(anyPlace, { maxLength: 12 }),
        fc.record({ server: most, network: most, store: most }),
        (places, most) => {
          const limits = limitsOf(most);
          const waiting = places.map(([server, net], i) => place(String(i), server, `10.0.${net}.1`));
          const refused = findRefused(limits, { running: [], waiting });
          const running = waiting.filter(({ id }) => !refused.has(id));
          const count = (key: (one: Place) => unknown, of: Place) =>
            running.filter((one) => key(one) === key(of)).length;
          for (const one of waiting) {
            const full = [
              count(({ serverId }) => serverId, one) >= (limits.server ?? 99),
              count(({ address }) => address, one) >= (limits.network ?? 99),
              running.length >= (limits.store ?? 99),
            ];
            expect(count(({ serverId }) => serverId, one)).toBeLessThanOrEqual(limits.server ?? 99);
            expect(count(({ address }) => address, one)).toBeLessThanOrEqual(limits.network ?? 99);
            expect(running.length).toBeLessThanOrEqual(limits.store ?? 99);
            if (refused.has(one.id)) expect(full).toContain(true);
          }
        },
      ),
    );
  });

  it('knows the network of an address', () => {
    expect(networkOf('10.1.2.200', 25)).toBe('10.1.2.128/25');
    expect(networkOf('192.168.7.9', 16)).toBe('192.168.0.0/16');
    expect(networkOf('2001:db8:0:12::5', 24)).toBe('2001:db8:0:12::/64');
    expect(networkOf('fe80::1%eth0', 24)).toBe('fe80:0:0:0::/64');
  });
});

describe('jobs of many machines', () => {
  it('run no more at once than the limit says, whichever servers their machines are connected to', async () => {
    await using first = await TestServer.start({ approve: 'all' });
    // A file is the database of one server.
    const shared = first.database.startsWith('postgres');
    await using other = shared ? await TestServer.beside(first, { approve: 'all' }) : null;
    const server = other ?? first;
    await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
    const set = await server.api('PATCH', '/v1/settings', { jobLimits: { store: 2 } });
    expect(set).toMatchObject({ jobLimits: { server: null, network: null, networkPrefix: 24, store: 2 } });
    const agents: { agent: ScriptedAgent; machine: string }[] = [];
    for (let i = 0; i < 6; i++) {
      const uuid = randomUUID();
      const at = i % 2 === 0 ? server : first;
      const token = await server.bootToken(uuid, `52:54:00:00:00:0${i}`);
      const agent = await ScriptedAgent.join({ port: at.running.port, token, uuid });
      agents.push({ agent, machine: (await agent.next('welcome')).machineId });
    }
    const machines = agents.map(({ machine }) => machine);
    await server.api('POST', '/v1/batches', { scenario: 'look', machines });
    const running = () => server.api<Job[]>('GET', '/v1/jobs?state=running');
    let most = 0;
    const done = new Set<string>();
    await eventually(async () => {
      const now = await running();
      most = Math.max(most, now.length);
      for (const { agent } of agents) {
        const handed = agent.received.find((message) => message.type === 'job');
        if (handed?.type === 'job' && !done.has(handed.jobId) && now.length === 2) {
          done.add(handed.jobId);
          agent.done(handed);
          break;
        }
      }
      return done.size === 5 || undefined;
    }, 25_000);
    expect(most).toBe(2);
    const order = (await server.api<Job[]>('GET', '/v1/jobs')).filter(({ startedAt }) => startedAt !== null);
    expect(order.map(({ startedAt }) => startedAt)).toEqual(order.map(({ startedAt }) => startedAt).toSorted());
  }, 40_000);

  it('say for which limit they wait', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
    await server.api('PATCH', '/v1/settings', { jobLimits: { network: 1, networkPrefix: 8 } });
    const jobs: Job[] = [];
    for (const uuid of [randomUUID(), randomUUID()]) {
      const agent = await ScriptedAgent.join({ port: server.running.port, token: await server.bootToken(uuid), uuid });
      const { machineId: machine } = await agent.next('welcome');
      jobs.push(await server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine }));
    }
    expect(jobs.map(({ state, waitsFor }) => [state, waitsFor])).toEqual([
      ['running', null],
      ['queued', 'the limit of the network 127.0.0.0/8: one job at once'],
    ]);
  });
});
