// Machines that are approved by themselves: by rule, and what the audit log says of it.
import { describe, expect, it } from 'vitest';
import type { ApprovalRule } from '../../protocol/approval-rule.ts';
import type { AuditEntry } from '../../protocol/people.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { TestServer, uuidA, uuidB } from './support.ts';

/** A machine boots and its agent says hello: is it approved? The agent stays. */
async function boot(server: TestServer, uuid: string, mac = '52:54:00:00:00:01'): Promise<string> {
  const token = await server.bootToken(uuid, mac);
  const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid });
  return (await agent.next('welcome')).state;
}

const add = (server: TestServer, name: string, rest: object) =>
  server.api<ApprovalRule>('POST', '/v1/approval-rules', { name, ...rest });

async function approvals(server: TestServer): Promise<AuditEntry[]> {
  const { entries } = await server.api<{ entries: AuditEntry[] }>('GET', '/v1/audit');
  return entries.filter(({ action }) => action === 'approve machine');
}

describe('an approval rule', () => {
  it('approves a machine that it fits once its agent has said what it is, gives it what it says, and is written down', async () => {
    await using server = await TestServer.start();
    await server.api('POST', '/v1/groups', { name: 'Lab 3' });
    await server.api('POST', '/v1/boot-profiles', { name: 'odd' });
    await add(server, 'later', { rules: [{ manufacturer: '*' }], order: 200 });
    const gifts = { tags: ['新'], group: 'lab 3', bootProfile: 'odd' };
    const rules = [{ serial: 'none' }, { manufacturer: 'qemu', serial: 's1', subnet: '127.0.0.0/8' }];
    const rule = await add(server, 'Büro', { rules, ...gifts });
    expect(rule).toMatchObject({ name: 'Büro', group: 'Lab 3', bootProfile: 'odd', uses: 0 });
    await server.bootToken(uuidA);
    expect(await server.machines()).toMatchObject([{ state: 'pending' }]);
    expect(await boot(server, uuidA)).toBe('approved');
    const [machine] = await server.machines();
    expect(machine).toMatchObject({ state: 'approved', tags: ['新'], groups: [{ name: 'Lab 3' }] });
    expect(machine?.bootProfileId).not.toBe(null);
    expect(await approvals(server)).toMatchObject([
      {
        who: 'automatic approval',
        address: '127.0.0.1',
        about: { id: machine?.id, name: '52-54-00-00-00-01', rule: 'Büro', ruleId: rule.id },
        outcome: 'ok',
      },
    ]);
    const listed = await server.api<ApprovalRule[]>('GET', '/v1/approval-rules');
    expect(listed.map(({ name, uses }) => [name, uses])).toEqual([
      ['Büro', 1],
      ['later', 0],
    ]);
  });

  it('believes the network and not the machine about where it is', async () => {
    await using server = await TestServer.start();
    await add(server, 'subnet', { rules: [{ subnet: '192.0.2.0/24' }] });
    // Its inventory says 192.0.2.5; it asks from 127.0.0.1.
    expect(await boot(server, uuidA)).toBe('pending');
  });

  it('approves machines that wait when it is made or changed, and none once it is removed', async () => {
    await using server = await TestServer.start();
    expect([await boot(server, uuidA), await boot(server, uuidB, '52:54:00:00:00:02')]).toEqual(['pending', 'pending']);
    const rule = await add(server, 'a', { rules: [{ uuid: uuidA }] });
    expect(rule.uses).toBe(1);
    const states = async () => (await server.machines()).map(({ state }) => state);
    expect(await states()).toEqual(['approved', 'pending']);
    await server.api('PATCH', `/v1/approval-rules/${rule.id}`, { rules: [{ product: 'standard *' }] });
    expect(await states()).toEqual(['approved', 'approved']);
    await server.api('DELETE', '/v1/approval-rules/A');
    expect(await boot(server, '5d0b1a4e-0005-4000-8000-000000000001', '52:54:00:00:00:03')).toBe('pending');
    expect(await states()).toEqual(['approved', 'approved', 'pending']);
  });

  it('keeps its name to itself, fits something, and gives only what is there', async () => {
    await using server = await TestServer.start();
    const rules = [{ mac: '52:54' }];
    await add(server, 'Ä', { rules });
    await expect(add(server, 'ä', { rules })).rejects.toThrow('approval-rule-exists');
    await expect(add(server, 'b', { rules: [] })).rejects.toThrow('400');
    await expect(add(server, 'b', { rules, group: 'gone' })).rejects.toThrow('group-not-found');
    await expect(add(server, 'b', { rules, bootProfile: 'gone' })).rejects.toThrow('boot-profile-not-found');
    await expect(server.api('DELETE', '/v1/approval-rules/b')).rejects.toThrow('approval-rule-not-found');
  });
});

describe('the audit log', () => {
  it('has the approvals of a server that approves all', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    await boot(server, uuidA);
    expect(await approvals(server)).toMatchObject([{ about: { flag: '--approve all' } }]);
  });

  it('has the approvals by an enrolment', async () => {
    await using server = await TestServer.start();
    const { id, secret } = await server.api<{ id: string; secret: string }>('POST', '/v1/enrolments', {
      label: '教室',
    });
    const body = JSON.stringify({ uuid: uuidA, macs: [], secret });
    for (let boot = 0; boot < 2; boot++) {
      await server.tls('/v1/boot-token', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    }
    expect(await approvals(server)).toMatchObject([{ about: { enrolment: id, label: '教室' } }]);
    expect(await approvals(server)).toHaveLength(1);
  });
});
