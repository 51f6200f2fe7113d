// After a job that ends with the machine off, somebody looks whether it is (R28).
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { Job, logEntrySchema } from '../../../protocol/rest.ts';
import { OutgoingAddresses } from '../../../server/outgoing/addresses.ts';
import { openRedfish } from '../../../server/power/redfish/redfish-driver.ts';
import { seeOff } from '../../../server/power/see-off.ts';
import { RedfishService } from '../../fixtures/redfish-service.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';
import { ScriptedAgent } from '../scripted-agent.ts';
import { eventually, TestServer, uuidA } from '../support.ts';

const signal = AbortSignal.timeout(60_000);
const here = new OutgoingAddresses({ allowed: ['127.0.0.0/8'] });
const briefly = { wholeMs: 100, pollMs: 20 };

describe('the end of a job', () => {
  it('that powers the machine off says in its log once the BMC sees it off', () =>
    withTempDirectory(async (folder) => {
      await using bmc = await RedfishService.start(folder);
      bmc.powerState = 'On';
      await using server = await TestServer.start({ approve: 'all', allowBmc: '127.0.0.0/8' });
      const { port } = server.running;
      const agent = await ScriptedAgent.join({ port, uuid: uuidA, token: await server.bootToken(uuidA) });
      await agent.next('welcome');
      const [machine] = await server.machines();
      const power = `/v1/machines/${machine?.id}/power`;
      const { url, user, password, certificate } = bmc;
      await server.api('PUT', power, { driver: 'redfish', url, user, password, certificate });
      await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'poweroff' });
      const { id } = await server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: machine?.id });
      agent.done(await agent.next('job'));
      // It was looked at, and is not off yet.
      await eventually(async () => bmc.requests.some((request) => request.startsWith('GET /redfish/v1/Systems/')));
      agent.cut();
      bmc.powerState = 'Off';
      const said = await eventually(async () => {
        const log = await server.api<z.infer<typeof logEntrySchema>[]>('GET', `/v1/jobs/${id}/log`);
        return log.find(({ message }) => message.endsWith('is off (redfish)'));
      }, 20_000);
      expect(said.level).toBe('info');
      expect(await server.api('GET', power)).toMatchObject({ state: 'off' });
    }));

  it('is not believed of a machine that stays on, or that nobody sees', () =>
    withTempDirectory(async (folder) => {
      await using bmc = await RedfishService.start(folder);
      bmc.powerState = 'On';
      const { url, user, certificate } = bmc;
      const settings = { driver: 'redfish', url, user, certificate, plainHttp: false, auth: 'basic' } as const;
      const stays = await seeOff(openRedfish(settings, bmc.password, here), signal, briefly);
      expect(stays).toEqual({ state: 'on', reason: 'is on after 0.1 s' });
      const unseen = await seeOff(openRedfish(settings, 'wrong', here), signal, briefly);
      expect(unseen).toMatchObject({
        state: 'unknown',
        reason: expect.stringMatching(/nobody sees what it is: .*HTTP status 401/),
      });
    }));
});
