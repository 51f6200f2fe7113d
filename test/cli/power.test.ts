import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { RedfishService } from '../fixtures/redfish-service.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { TestServer, uuidA, uuidB } from '../server/support.ts';

const run = promisify(execFile);
const main = path.join(import.meta.dirname, '../../cli/main.ts');

const askOf =
  ({ dataDir }: TestServer) =>
  async (...args: string[]): Promise<string> =>
    (await run(process.execPath, [main, 'machine', ...args, '--data', dataDir])).stdout;
/** Each command is a process. */
const withinMs = 300_000;

describe('the command line', () => {
  it(
    'gives a machine a power driver, turns it on and off, and says what came of it',
    () =>
      withTempDirectory(async (folder) => {
        await using bmc = await RedfishService.start(folder);
        await using server = await TestServer.start({ allowBmc: '127.0.0.0/8' });
        const ask = askOf(server);
        await server.bootToken(uuidA);
        const name = '52-54-00-00-00-01';
        const passwordFile = path.join(folder, 'password');
        await writeFile(passwordFile, `${bmc.password}\n`);
        const login = ['--user', bmc.user, '--certificate', bmc.certificate];
        const way = ['--redfish', bmc.url, ...login];
        const shown = await ask('set-power', name, ...way, '--password-file', passwordFile);
        expect(shown).toMatch(/driver +redfish\n[\s\S]*password +kept\nstate +not looked at yet\n/);
        await ask('set-power', name, ...way, '--basic', '--keep-password');
        expect(await ask('power', 'on', name, '--network-boot')).toBe(`${name}: it is on\n`);
        expect(bmc.boots).toEqual(['Pxe']);
        expect(JSON.parse(await ask('power', 'soft', name, '--json'))).toMatchObject({ state: 'off', verified: true });
        expect(await ask('set-power', name)).toMatch(/state +off at 20/);
        await expect(ask('power', 'on', 'gone', name)).rejects.toMatchObject({
          ...{ code: 3, stdout: `${name}: it is on\n` },
        });
        await expect(ask('set-power', name, '--none', '--wake-on-lan')).rejects.toMatchObject({ code: 2 });
        await expect(ask('set-power', name, '--hook', '../x')).rejects.toMatchObject({ code: 2 });
        const again = await ask('set-power', name, ...way, '--keep-password', '--test');
        expect(again).toMatch(/state +on at 20/);
        await ask('set-power', name, '--none');
        await expect(ask('power', 'on', name)).rejects.toMatchObject({ code: 4, stderr: /booted by hand/ });
      }),
    withinMs,
  );

  it(
    'gives a group its driver and turns it on one machine after the other',
    async () => {
      await using server = await TestServer.start();
      const ask = askOf(server);
      for (const [uuid, mac] of [
        [uuidA, '52:54:00:00:00:01'],
        [uuidB, '52:54:00:00:00:02'],
      ] as const) {
        await server.bootToken(uuid, mac);
      }
      const members = ['52-54-00-00-00-01', '52-54-00-00-00-02'];
      await server.api('POST', '/v1/groups', { name: 'room 1', members });
      const waking = ['--wake-on-lan', '--broadcast', '127.255.255.255'];
      expect(await ask('set-power', '--group', 'room 1', ...waking)).toMatch(/00-01\n[\s\S]*00-02\n/);
      const woken = JSON.parse(await ask('power', 'on', '--group', 'room 1', '--stagger', '0', '--json'));
      expect(woken.map(({ machine }: { machine: string }) => machine)).toEqual(members);
      const ofOne = ['--redfish', 'https://192.0.2.1', '--user', 'admin'];
      await expect(ask('set-power', '--group', 'room 1', ...ofOne)).rejects.toMatchObject({ code: 2 });
      await expect(ask('power', 'on')).rejects.toMatchObject({ code: 2 });
    },
    withinMs,
  );
});
