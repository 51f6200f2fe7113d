// Power drivers against other people's programs: ipmitool and OpenIPMI's simulator for IPMI; for Redfish, our service against redfishtool.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { OutgoingAddresses } from '../../server/outgoing/addresses.ts';
import { changePower } from '../../server/power/change-power.ts';
import type { PowerMachine } from '../../server/power/driver.ts';
import { openIpmi } from '../../server/power/ipmi-driver.ts';
import { openRedfish } from '../../server/power/redfish/redfish-driver.ts';
import { startIpmiService } from '../fixtures/ipmi-service.ts';
import { RedfishService } from '../fixtures/redfish-service.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const run = promisify(execFile);
const signal = AbortSignal.timeout(100_000);
const addresses = new OutgoingAddresses({ allowed: ['127.0.0.0/8'] });
const limits = { wholeMs: 30_000, pollMs: 50, pauseMs: 10 };
const machine: PowerMachine = {
  ...{ id: 'm', name: 'm', uuid: null, firmware: 'uefi', macs: [], addresses: [] },
};

describe('IPMI', () => {
  it('turns a chassis on, off and on again through ipmitool, and boots it from the network once', () =>
    withTempDirectory(async (folder) => {
      await using bmc = await startIpmiService(folder, 20_623);
      const settings = { driver: 'ipmi', host: '127.0.0.1', port: bmc.port, user: bmc.user, cipherSuite: 3 } as const;
      const driver = openIpmi(settings, machine, { addresses, password: bmc.password });
      const act = (action: 'on' | 'soft' | 'cycle' | 'status', networkBoot = false) =>
        changePower(driver, action, { signal, limits, networkBoot });
      expect(await act('status')).toMatchObject({ state: 'off' });
      expect(await act('on', true)).toMatchObject({ state: 'on', verified: true });
      expect(await act('cycle')).toMatchObject({ state: 'on', verified: true });
      expect(await act('soft')).toMatchObject({ state: 'off', verified: true });
      const calls = (await bmc.calls()).filter((call) => call.startsWith('set'));
      expect(calls).toEqual(['set boot pxe', 'set power 1', 'set power 0', 'set power 1', 'set shutdown 1']);
      const stranger = openIpmi(settings, machine, { addresses, password: 'wrong' });
      const refused: Error = await stranger.read(signal).then(
        () => Promise.reject(),
        (thrown) => thrown,
      );
      expect(refused).toMatchObject({ code: 'power-failed', message: /^the BMC 127\.0\.0\.1: ipmitool ended with 1/ });
    }));
});

describe('Redfish', () => {
  it("is spoken by the tests' service as another maker's client expects it, and both see the same", () =>
    withTempDirectory(async (folder) => {
      await using bmc = await RedfishService.start(folder);
      const redfishtool = async (...words: string[]) => {
        const where = ['-r', new URL(bmc.url).host, '-S', 'Always', '-u', bmc.user, '-p', bmc.password];
        return JSON.parse((await run('redfishtool', [...where, ...words])).stdout || 'null');
      };
      const login = { user: bmc.user, auth: 'session', certificate: bmc.certificate } as const;
      const driver = openRedfish(
        { driver: 'redfish', url: bmc.url, plainHttp: false, ...login },
        bmc.password,
        addresses,
      );
      await changePower(driver, 'on', { signal, limits });
      expect(await redfishtool('Systems', '-F')).toMatchObject({ PowerState: 'On', Id: '437XR1138R2' });
      await redfishtool('Systems', '-F', 'setBootOverride', 'Once', 'Pxe');
      await redfishtool('Systems', '-F', 'reset', 'ForceOff');
      expect(await changePower(driver, 'status', { signal, limits })).toMatchObject({ state: 'off' });
      await changePower(driver, 'on', { signal, limits });
      expect(bmc.boots).toEqual(['None', 'Pxe']);
    }));
});
