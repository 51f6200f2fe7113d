import { describe, expect, it } from 'vitest';
import { forgetStrangers } from '../../../server/machines/forget-strangers.ts';
import { openByText } from '../../fixtures/databases.ts';
import { ScriptedAgent } from '../scripted-agent.ts';
import { TestServer } from '../support.ts';

const uuidOf = (n: number) => `8a6e0804-2bd0-4672-b79d-d97027f9${String(n).padStart(4, '0')}`;
const macOf = (n: number) => `52:54:00:00:01:${String(n).padStart(2, '0')}`;

describe('machines that somebody makes up', () => {
  it('are kept up to a number, the newest; those that ran an agent or are approved stay', async () => {
    await using server = await TestServer.start();
    const token = await server.bootToken(uuidOf(0), macOf(0));
    await (await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidOf(0) })).next('welcome');
    for (let n = 1; n < 8; n++) await server.bootToken(uuidOf(n), macOf(n));
    const [, approved, planned] = await server.machines();
    await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }] });
    await server.api('POST', '/v1/jobs', { scenario: 'look', machine: planned?.id });
    await server.api('PATCH', `/v1/machines/${approved?.id}`, { state: 'approved' });
    const before = (await server.machines()).map(({ id }) => id);
    const db = await openByText(server.database);
    expect(await forgetStrangers(db, 2)).toBe(3);
    expect(await forgetStrangers(db, 2)).toBe(0);
    await db.destroy();
    const after = (await server.machines()).map(({ id }) => id);
    expect(after).toHaveLength(5);
    expect(after).toEqual(expect.arrayContaining([approved?.id, planned?.id]));
    expect(before.filter((id) => after.includes(id)).slice(-2)).toEqual(before.slice(-2));
  });
});
