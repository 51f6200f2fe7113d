// Power drivers against other people's programs: ipmitool and OpenIPMI's simulator for IPMI; for Redfish, our service against redfishtool.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { PowerAction } from '../../protocol/power.ts';
import { Qmp } from '../../scripts/lab/qmp.ts';
import { OutgoingAddresses } from '../../server/outgoing/addresses.ts';
import { changePower } from '../../server/power/change-power.ts';
import type { PowerMachine } from '../../server/power/driver.ts';
import { openIpmi } from '../../server/power/ipmi-driver.ts';
import { openRedfish } from '../../server/power/redfish/redfish-driver.ts';
import { PlainChassis } from '../fixtures/chassis.ts';
import { startIpmiService } from '../fixtures/ipmi-service.ts';
import { RedfishService } from '../fixtures/redfish-service.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { eventually } from '../server/support.ts';

const run = promisify(execFile);
const signal = AbortSignal.timeout(100_000);
const addresses = new OutgoingAddresses({ allowed: ['127.0.0.0/8'] });
const limits = { wholeMs: 30_000, pollMs: 50, pauseMs: 10 };
const machine: PowerMachine = {
  ...{ id: 'm', name: 'm', uuid: null, firmware: 'uefi', macs: [], addresses: [], networks: [] },
};

describe('IPMI', () => {
  it('turns a chassis on, off and on again through ipmitool, and boots it from the network once', () =>
    withTempDirectory(async (folder) => {
      await using bmc = await startIpmiService(folder, { port: 20_623, behind: new PlainChassis() });
      const settings = { driver: 'ipmi', host: '127.0.0.1', port: bmc.port, user: bmc.user, cipherSuite: 3 } as const;
      const driver = openIpmi(settings, machine, { addresses, password: bmc.password });
      const act = (action: 'on' | 'soft' | 'cycle' | 'status', networkBoot = false) =>
        changePower(driver, action, { signal, limits, networkBoot });
      expect(await act('status')).toMatchObject({ state: 'off' });
      expect(await act('on', true)).toMatchObject({ state: 'on', verified: true });
      expect(await act('cycle')).toMatchObject({ state: 'on', verified: true });
      expect(await act('soft')).toMatchObject({ state: 'off', verified: true });
      // What was not answered within a second is asked for again.
      expect(bmc.calls.filter((call, i) => call !== bmc.calls[i - 1])).toEqual([
        'set boot pxe',
        'set power 1',
        'set power 0',
        'set power 1',
        'set shutdown 1',
      ]);
      const stranger = openIpmi(settings, machine, { addresses, password: 'wrong' });
      const refused: Error = await stranger.read(signal).then(
        () => Promise.reject(),
        (thrown) => thrown,
      );
      expect(refused).toMatchObject({ code: 'power-failed', message: /^the BMC 127\.0\.0\.1: ipmitool ended with 1/ });
      const nobody = openIpmi({ ...settings, port: 20_624 }, machine, { addresses, password: bmc.password });
      await expect(nobody.read(signal)).rejects.toMatchObject({ code: 'power-failed', message: /Unable to establish/ });
    }));
});

describe('a virtual machine behind its BMC', () => {
  it('runs once IPMI has turned it on, ends when told to, and is seen to be off when it has ended by itself', () =>
    withTempDirectory(async (folder) => {
      const files = { qmp: path.join(folder, 'qmp.sock'), bmcPort: 20_626 };
      const devices = [
        ...['-chardev', `socket,id=bmc,host=127.0.0.1,port=${files.bmcPort},reconnect=1`],
        ...['-device', 'ipmi-bmc-extern,id=bmc0,chardev=bmc', '-device', 'isa-ipmi-kcs,bmc=bmc0'],
      ];
      const qemu = [
        'qemu-system-x86_64',
        '-machine',
        'q35',
        '-accel',
        'tcg',
        '-m',
        '32',
        '-nodefaults',
        '-display',
        'none',
      ];
      const command = [...qemu, ...devices, '-qmp', `unix:${files.qmp},server=on,wait=off`].join(' ');
      await using bmc = await startIpmiService(folder, { port: 20_625, behind: { command, port: files.bmcPort } });
      const settings = { driver: 'ipmi', host: '127.0.0.1', port: bmc.port, user: bmc.user, cipherSuite: 3 } as const;
      const driver = openIpmi(settings, machine, { addresses, password: bmc.password });
      const act = (action: PowerAction) => changePower(driver, action, { signal, limits });
      const connect = () => eventually(() => Qmp.connect(files.qmp).catch(() => undefined), 30_000);
      expect(await act('status')).toMatchObject({ state: 'off', verified: true });
      expect(await act('on')).toMatchObject({ state: 'on', verified: true, message: 'it is on' });
      // It is a machine that runs, and not what the BMC says of it.
      let qmp = await connect();
      expect(await qmp.execute('query-status')).toMatchObject({ running: true });
      expect(await act('cycle')).toMatchObject({ state: 'on', verified: true });
      await expect(qmp.execute('query-status')).rejects.toThrow('the machine is gone');
      qmp = await connect();
      // As a guest that turns itself off.
      await qmp.execute('quit');
      await eventually(async () => (await act('status')).state === 'off');
      expect(await act('on')).toMatchObject({ state: 'on', verified: true });
      expect(await act('off')).toMatchObject({ state: 'off', verified: true, message: 'it is off' });
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
