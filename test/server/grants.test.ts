// Roles on groups of machines: what somebody may with the machines of a group and with no others.
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type Event, eventsSchema } from '../../protocol/events.ts';
import type { AuditEntry, Grant } from '../../protocol/people.ts';
import type { Job } from '../../protocol/rest.ts';
import { mayAtLeast } from '../../server/people/person-tokens.ts';
import type { Route } from '../../server/route.ts';
import { routes } from '../../server/routes.ts';
import { type Answer, errorCode, eventually, TestServer, uuidA, uuidB } from './support.ts';

const password = 'correct horse battery';

type Ann = {
  ask(method: string, path: string, body?: unknown): Promise<Answer>;
  names(path: string): Promise<string[]>;
  readonly token: string;
};

/** Machines ours and theirs with a job each; ann has these roles, the second one on the group Lab 3, in which ours is. */
async function withAnn(roles: [string, string | null], work: (server: TestServer, ann: Ann) => Promise<void>) {
  await using server = await TestServer.start();
  await server.bootToken(uuidA, '52:54:00:00:00:01');
  await server.bootToken(uuidB, '52:54:00:00:00:02');
  await server.api('PATCH', '/v1/machines/52-54-00-00-00-01', { name: 'ours', addTags: ['our tag'] });
  await server.api('PATCH', '/v1/machines/52-54-00-00-00-02', { name: 'theirs', addTags: ['their tag'] });
  await server.api('POST', '/v1/groups', { name: 'Lab 3', rules: [{ uuid: uuidA }] });
  await server.api('POST', '/v1/groups', { name: 'Lab 4', members: ['theirs'] });
  await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }] });
  for (const name of ['ours', 'theirs'])
    await server.api('POST', '/v1/batches', { scenario: 'look', machines: [name] });
  await server.api('POST', '/v1/users', { name: 'Ann', password, role: roles[0] });
  if (roles[1] !== null) await server.api('POST', '/v1/grants', { user: 'ann', group: 'lab 3', role: roles[1] });
  await work(server, await logIn(server));
}

async function logIn(server: TestServer): Promise<Ann> {
  const send = (method: string, path: string, body: unknown, headers: Record<string, string>) =>
    server.tls(path, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const { token } = JSON.parse((await send('POST', '/v1/sessions', { name: 'ann', password }, {})).body.toString());
  const ask: Ann['ask'] = (method, path, body) => send(method, path, body, { authorization: `Bearer ${token}` });
  const names = async (path: string) =>
    (JSON.parse((await ask('GET', path)).body.toString()) as Record<string, string>[]).map(
      ({ name, machineName, tag }) => `${name ?? machineName ?? tag}`,
    );
  return { ask, names, token };
}

const about = routes.filter(({ on }) => on !== undefined && on !== 'caller');
/** What a route about one machine or job answers; whatever else is wrong with the request, it was let in. */
const pathOf = ({ path, on }: Route, machine: string, { id = '', batchId = '' }: Partial<Job> = {}) =>
  path.replace(':id', on === 'machine' ? machine : on === 'job' ? id : `${batchId}`).replace(/:\w+/g, 'nothing');
const isForbidden = (answer: Answer) =>
  answer.status === 403 && errorCode(answer) === 'forbidden' && /takes the role/.test(`${answer.body}`);

describe('a role on a group', () => {
  it.each([
    ['none', 'viewer'],
    ['none', 'operator'],
    ['viewer', 'operator'],
    ['viewer', 'viewer'],
  ] as const)(
    '%s everywhere and %s there: every route',
    async (everywhere, there) => {
      await withAnn([everywhere, there], async (server, ann) => {
        const jobs = await server.api<Job[]>('GET', '/v1/jobs');
        const jobOf = (name: string) => jobs.find(({ machineName }) => machineName === name);
        for (const route of about) {
          const wanted = route.access as 'viewer' | 'operator';
          const theirs = await ann.ask(route.method, pathOf(route, 'theirs', jobOf('theirs')));
          const hidden = theirs.status === 404 && /"(machine|job|batch)-not-found"/.test(`${theirs.body}`);
          const expected = mayAtLeast(everywhere, wanted)
            ? 'in'
            : isForbidden(theirs)
              ? 'forbidden'
              : hidden
                ? 'hidden'
                : '?';
          const due = mayAtLeast(everywhere, wanted)
            ? 'in'
            : everywhere === 'none' && mayAtLeast(there, wanted)
              ? 'hidden'
              : 'forbidden';
          expect([`${route.method} ${route.path}`, expected]).toEqual([`${route.method} ${route.path}`, due]);
        }
        // What forgets the machine comes last.
        for (const route of about.toSorted(
          (a, b) =>
            Number(a.path === '/v1/machines/:id') - Number(b.path === '/v1/machines/:id') ||
            Number(a.method === 'DELETE') - Number(b.method === 'DELETE'),
        )) {
          const answer = await ann.ask(route.method, pathOf(route, 'ours', jobOf('ours')));
          const may = mayAtLeast(everywhere, route.access as 'viewer') || mayAtLeast(there, route.access as 'viewer');
          const out = isForbidden(answer) || /"(machine|job|batch)-not-found"/.test(`${answer.body}`);
          expect([`${route.method} ${route.path}`, out]).toEqual([`${route.method} ${route.path}`, !may]);
        }
        for (const route of routes.filter(({ on, access }) => on === undefined && access !== 'public')) {
          const wanted = route.access === 'job' || route.access === 'storing-job' ? 'operator' : route.access;
          if (mayAtLeast(everywhere, wanted as 'none')) continue;
          const answer = await ann.ask(
            route.method,
            route.path.replace(':digest', 'a'.repeat(64)).replace(/:\w+/g, 'nothing'),
          );
          expect([`${route.method} ${route.path}`, isForbidden(answer)]).toEqual([
            `${route.method} ${route.path}`,
            true,
          ]);
        }
      });
    },
    60_000,
  );

  it('is looked at by every route about a machine or a job, but for settings of power drivers, with which the server itself would call anybody', () => {
    const named = routes.filter(({ path }) => /^\/v1\/(machines|jobs|batches)\/:id/.test(path));
    const without = named.filter(({ on }) => on === undefined || on === 'caller');
    expect(named.length).toBeGreaterThan(10);
    expect(without.map(({ method, path }) => `${method} ${path}`)).toEqual(['PUT /v1/machines/:id/power']);
  });

  it('decides what lists show and where jobs and dry runs may be asked for', async () => {
    await withAnn(['none', 'operator'], async (_server, ann) => {
      expect(await ann.names('/v1/machines')).toEqual(['ours']);
      expect(await ann.names('/v1/machines?search=uu&limit=5')).toEqual([]);
      expect(await ann.names(`/v1/machines?search=5254`)).toEqual(['ours']);
      expect(await ann.names('/v1/jobs')).toEqual(['ours']);
      expect(await ann.names('/v1/groups')).toEqual(['Lab 3']);
      expect(await ann.names('/v1/tags')).toEqual(['our tag']);
      expect(await ann.names('/v1/scenarios')).toEqual(['look']);
      expect(errorCode(await ann.ask('GET', '/v1/groups/Lab%204'))).toBe('group-not-found');
      expect(errorCode(await ann.ask('GET', '/v1/jobs?machine=theirs'))).toBe('machine-not-found');
      const run = (machine: string) => ann.ask('POST', '/v1/jobs', { scenario: 'look', machine });
      expect((await run('ours')).status).toBe(201);
      expect(errorCode(await run('theirs'))).toBe('machine-not-found');
      const batch = (body: object) => ann.ask('POST', '/v1/batches', { scenario: 'look', ...body });
      expect((await batch({ group: 'Lab 3' })).status).toBe(201);
      expect(errorCode(await batch({ group: 'Lab 4' }))).toBe('machine-not-found');
      expect(errorCode(await batch({ machines: ['ours', 'theirs'] }))).toBe('machine-not-found');
      const plan = (...machines: string[]) => ann.ask('POST', '/v1/plans', { scenario: 'look', machines });
      expect((await plan('ours')).status).toBe(200);
      expect(errorCode(await plan('ours', 'theirs'))).toBe('machine-not-found');
      expect(JSON.parse((await ann.ask('GET', '/v1/me')).body.toString())).toMatchObject({
        role: 'none',
        grants: [{ groupName: 'Lab 3', role: 'operator' }],
      });
    });
  });

  it('lets who may look everywhere run jobs there only', async () => {
    await withAnn(['viewer', 'operator'], async (_server, ann) => {
      expect(await ann.names('/v1/machines')).toEqual(['ours', 'theirs']);
      const run = (machine: string) => ann.ask('POST', '/v1/jobs', { scenario: 'look', machine });
      expect((await run('ours')).status).toBe(201);
      expect(errorCode(await run('theirs'))).toBe('forbidden');
    });
  });

  it('is at most what a token says, goes with the group or the machine, and can be changed and taken away', async () => {
    await withAnn(['none', 'operator'], async (server, ann) => {
      const make = (body: object) => ann.ask('POST', '/v1/tokens', { label: 'x', ...body });
      expect(errorCode(await make({ role: 'administrator' }))).toBe('forbidden');
      const { token } = JSON.parse((await make({ role: 'viewer' })).body.toString());
      const headers = { authorization: `Bearer ${token}` };
      expect((await server.tls('/v1/machines/ours', { headers })).status).toBe(200);
      expect(errorCode(await server.tls('/v1/machines/ours', { headers, method: 'DELETE' }))).toBe('forbidden');
      const change = () => ann.ask('PATCH', '/v1/machines/ours', { addTags: ['y'] });
      expect((await change()).status).toBe(200);
      await server.api('POST', '/v1/grants', { user: 'Ann', group: 'Lab 3', role: 'viewer' });
      expect(errorCode(await change())).toBe('forbidden');
      expect(await server.api<Grant[]>('GET', '/v1/grants')).toMatchObject([{ userName: 'Ann', role: 'viewer' }]);
      const { entries } = await server.api<{ entries: AuditEntry[] }>('GET', '/v1/audit?limit=1');
      expect(entries[0]?.about).toEqual({ user: 'Ann', group: 'Lab 3', role: 'viewer' });
      await server.api('PATCH', '/v1/groups/Lab%203', { rules: [] });
      expect(await ann.names('/v1/machines')).toEqual([]);
      await server.api('PATCH', '/v1/groups/Lab%203', { rules: [{ tag: 'y' }] });
      expect(await ann.names('/v1/machines')).toEqual(['ours']);
      await server.api('DELETE', '/v1/grants/ann/Lab%203');
      expect(errorCode(await ann.ask('GET', '/v1/machines'))).toBe('forbidden');
      await expect(server.api('DELETE', '/v1/grants/ann/Lab%203')).rejects.toThrow('grant-not-found');
      await server.api('POST', '/v1/grants', { user: 'Ann', group: 'Lab 3', role: 'viewer' });
      await server.api('DELETE', '/v1/groups/Lab%203');
      expect(errorCode(await ann.ask('GET', '/v1/machines'))).toBe('forbidden');
    });
  });

  it('decides what live events tell', async () => {
    await withAnn(['none', 'viewer'], async (server, ann) => {
      const socket = new WebSocket(`wss://127.0.0.1:${server.running.port}/v1/events`, {
        rejectUnauthorized: false,
        headers: { authorization: `Bearer ${ann.token}` },
      });
      const events: Event[] = [];
      socket.on('message', (data: Buffer) => events.push(...eventsSchema.parse(JSON.parse(data.toString()))));
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
      socket.send(JSON.stringify({ type: 'watch', machines: true, jobs: true }));
      await eventually(async () => events.some(({ type }) => type === 'watching'));
      for (const machine of ['theirs', 'ours']) {
        await server.api('PATCH', `/v1/machines/${machine}`, { state: 'approved' });
        await server.api('POST', '/v1/jobs', { scenario: 'look', machine });
      }
      await eventually(async () => events.some((event) => event.type === 'job' && event.machineName === 'ours'));
      expect(JSON.stringify(events)).not.toContain('theirs');
      const [theirs] = await server.api<Job[]>('GET', '/v1/jobs?machine=theirs');
      const closed = new Promise((resolve) => socket.once('close', (_code, reason) => resolve(`${reason}`)));
      socket.send(JSON.stringify({ type: 'watch', job: theirs?.id }));
      expect(await closed).toContain('job-not-found');
    });
  });
});
