// Schedules through the API, with a server's own clock: made, run, waking their machine; and jobs that wake theirs.
import { describe, expect, it } from 'vitest';
import type { AuditEntry } from '../../../protocol/people.ts';
import type { Job } from '../../../protocol/rest.ts';
import type { Preview, Schedule, ScheduleRun, Upcoming } from '../../../protocol/schedule.ts';
import { RedfishService } from '../../fixtures/redfish-service.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';
import { ScriptedAgent } from '../scripted-agent.ts';
import { eventually, TestServer, uuidA } from '../support.ts';

const logOf = async (server: TestServer, jobId: string) =>
  (await server.api<{ message: string }[]>('GET', `/v1/jobs/${jobId}/log`)).map(({ message }) => message);

async function addMachine(server: TestServer): Promise<{ id: string; token: string }> {
  const token = await server.bootToken(uuidA);
  const id = (await server.machines())[0]?.id ?? '';
  await server.api('PATCH', `/v1/machines/${id}`, { state: 'approved', name: 'Büro 1' });
  await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }] });
  return { id, token };
}

describe('a schedule', () => {
  it('runs by the clock of the server, and turns its machine on from the network', () =>
    withTempDirectory(async (folder) => {
      await using bmc = await RedfishService.start(folder);
      await using server = await TestServer.start({ allowBmc: '127.0.0.0/8' });
      const { id, token } = await addMachine(server);
      const { url, user, password, certificate } = bmc;
      await server.api('PUT', `/v1/machines/${id}/power`, { driver: 'redfish', url, user, password, certificate });
      const at = new Date(Date.now() + 1500).toISOString();
      const body = { name: 'Nächtlich', scenario: 'look', machines: ['Büro 1'], when: { kind: 'once', at } };
      const made = await server.api<Schedule>('POST', '/v1/schedules', body);
      expect(made).toMatchObject({ scenarioName: 'look', nextDueAt: at, savedBy: 'operator token', enabled: true });
      const upcoming = await server.api<Upcoming>('GET', '/v1/schedules/upcoming');
      expect(upcoming).toEqual([{ scheduleId: made.id, scheduleName: 'Nächtlich', dueAt: at }]);
      const [job] = await eventually(async () => {
        const jobs = await server.api<Job[]>('GET', '/v1/jobs');
        return jobs.length > 0 && jobs;
      });
      expect(job).toMatchObject({ scheduleId: made.id, requestedBy: 'operator token', state: 'queued' });
      await eventually(async () => bmc.boots.length > 0);
      expect(bmc.boots).toEqual(['Pxe']);
      await eventually(async () =>
        (await logOf(server, job?.id ?? '')).includes('turning on Büro 1 (redfish): it is on'),
      );
      const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidA });
      expect(await agent.next('job')).toMatchObject({ jobId: job?.id });
      const runs = await server.api<ScheduleRun[]>('GET', `/v1/schedules/${made.id}/runs`);
      expect(runs).toMatchObject([{ dueAt: at, outcome: 'started', jobIds: [job?.id] }]);
      expect(await server.api('GET', `/v1/schedules/${encodeURIComponent('nächtlich')}`)).toMatchObject({
        nextDueAt: null,
      });
      const { entries } = await server.api<{ entries: AuditEntry[] }>('GET', '/v1/audit');
      expect(entries[0]).toMatchObject({ who: 'schedule Nächtlich', action: 'schedule run', outcome: 'started' });
      agent.cut();
    }));

  it('is changed, run out of turn, disabled and deleted; what it cannot be is refused', async () => {
    await using server = await TestServer.start();
    const { id } = await addMachine(server);
    const when = { kind: 'cron', cron: '0 3 * * *', timeZone: 'Europe/Berlin' };
    const body = { name: 'n', scenario: 'look', machines: [id], when };
    const windows = [{ days: [1], from: '00:00', to: '00:00', timeZone: 'UTC' }];
    for (const [wrong, code] of [
      [{ machines: ['gone'] }, 404],
      [{ scenario: 'gone' }, 404],
      [{ machines: undefined, group: 'gone' }, 404],
      [{ group: 'g' }, 400],
      [{ when: { ...when, cron: '0 0 30 2 *' } }, 400],
      [{ when: { ...when, timeZone: 'Mars/Olympus' } }, 400],
      [{ when: { ...when, timeZone: '+01:00' } }, 400],
      [{ parameters: { x: 'y' } }, 400],
      [{ windows: [{ ...windows[0], to: '24:00' }] }, 400],
      [{ keep: {} }, 400],
    ] as const) {
      await expect(server.api('POST', '/v1/schedules', { ...body, ...wrong })).rejects.toThrow(`${code} `);
    }
    const made = await server.api<Schedule>('POST', '/v1/schedules', body);
    await expect(server.api('POST', '/v1/schedules', { ...body, name: 'N' })).rejects.toThrow('schedule-exists');
    const changed = await server.api<Schedule>('PATCH', '/v1/schedules/N', { when: { ...when, cron: '0 4 * * *' } });
    expect(Math.abs(Date.parse(changed.nextDueAt ?? '') - Date.parse(made.nextDueAt ?? ''))).not.toBe(0);
    expect(await server.api('PATCH', '/v1/schedules/n', { enabled: false })).toMatchObject({ nextDueAt: null });
    expect(await server.api('GET', '/v1/schedules/upcoming')).toEqual([]);
    const run = await server.api<ScheduleRun>('POST', '/v1/schedules/n/run');
    expect(run).toMatchObject({ outcome: 'started', message: 'asked for by operator token' });
    expect(await server.api('POST', '/v1/schedules/n/run')).toMatchObject({ outcome: 'skipped', jobIds: [] });
    await server.api('DELETE', '/v1/schedules/n');
    await expect(server.api('GET', '/v1/schedules/n')).rejects.toThrow('schedule-not-found');
    expect(await server.job(run.jobIds[0] ?? '')).toMatchObject({ state: 'queued', scheduleId: made.id });
  });

  it('has its hours in the calendar, and says before it is saved when its jobs would begin', async () => {
    await using server = await TestServer.start();
    const { id } = await addMachine(server);
    const when = { kind: 'cron', cron: '0 3 * * 3', timeZone: 'UTC' };
    const windows = [{ days: [4], from: '22:00', to: '05:00', timeZone: 'UTC' }];
    const times = await server.api<Preview>('POST', '/v1/schedules/preview', { when, windows, count: 2 });
    // From Wednesday 03:00 to Thursday 22:00.
    expect(times.map(({ dueAt, beginsAt }) => Date.parse(beginsAt) - Date.parse(dueAt))).toEqual(
      [43, 43].map((hours) => hours * 3_600_000),
    );
    const once = { kind: 'once', at: new Date(Date.now() + 60_000).toISOString() };
    expect(await server.api('POST', '/v1/schedules/preview', { when: once })).toEqual([
      { dueAt: once.at, beginsAt: once.at },
    ]);
    expect(
      await server.api('POST', '/v1/schedules/preview', { when: { ...once, at: '2020-01-01T00:00:00Z' } }),
    ).toEqual([]);
    for (const wrong of [
      { when: { ...when, cron: '0 0 30 2 *' } },
      { when, count: 1000 },
      { when, windows: [{ ...windows[0], days: [] }] },
    ])
      await expect(server.api('POST', '/v1/schedules/preview', wrong)).rejects.toThrow('400 ');
    const made = await server.api<Schedule>('POST', '/v1/schedules', {
      name: 'n',
      scenario: 'look',
      machines: [id],
      when,
      windows,
    });
    const span = 'from=2026-12-01T00:00:00Z&to=2026-12-08T00:00:00Z';
    expect(await server.api('GET', `/v1/schedules/hours?${span}`)).toEqual([
      { scheduleId: made.id, scheduleName: 'n', from: '2026-12-03T22:00:00.000Z', to: '2026-12-04T05:00:00.000Z' },
    ]);
    await server.api('PATCH', '/v1/schedules/n', { enabled: false });
    expect(await server.api('GET', `/v1/schedules/hours?${span}`)).toEqual([]);
    expect(await server.api<AuditEntry[]>('GET', '/v1/audit').then((page) => JSON.stringify(page))).not.toContain(
      'preview',
    );
  });

  it('holds a job until its hours, also one that could begin at once', async () => {
    await using server = await TestServer.start();
    const { id, token } = await addMachine(server);
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidA });
    await agent.next('welcome');
    // Neither this hour nor the next.
    const hour = (ahead: number) => `${String((new Date().getUTCHours() + ahead) % 24).padStart(2, '0')}:00`;
    const windows = [{ days: [1, 2, 3, 4, 5, 6, 7], from: hour(3), to: hour(4), timeZone: 'UTC' }];
    const when = { kind: 'cron', cron: '0 3 1 1 *', timeZone: 'UTC' };
    await server.api('POST', '/v1/schedules', { name: 'n', scenario: 'look', machines: [id], when, windows });
    const { jobIds } = await server.api<ScheduleRun>('POST', '/v1/schedules/n/run');
    expect(await server.job(jobIds[0] ?? '')).toMatchObject({ held: 'window', state: 'queued' });
    expect(await agent.gets('job', 1500)).toBe(false);
    agent.cut();
  });
});

describe('a job that wakes its machine', () => {
  it('says that it must be booted by hand where there is no driver, and that it is on where it is', () =>
    withTempDirectory(async (folder) => {
      await using bmc = await RedfishService.start(folder);
      await using server = await TestServer.start({ allowBmc: '127.0.0.0/8' });
      const { id } = await addMachine(server);
      const ask = () => server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: id, wake: true });
      const says = async (jobId: string, words: RegExp) =>
        eventually(async () => (await logOf(server, jobId)).some((message) => words.test(message)));
      await says((await ask()).id, /^Büro 1 has no power driver: boot it by hand$/);
      const { url, user, password, certificate } = bmc;
      const power = { driver: 'redfish', url, user, password, certificate };
      await server.api('PUT', `/v1/machines/${id}/power`, power);
      bmc.powerState = 'On';
      await says((await ask()).id, /^Büro 1 is on and not connected: it runs a system of its own$/);
      await server.api('PUT', `/v1/machines/${id}/power`, { ...power, password: 'wrong' });
      await says((await ask()).id, /status 401.*\(power-failed\)$/);
    }));
});
