import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { RedfishService } from '../fixtures/redfish-service.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { TestServer, uuidA } from '../server/support.ts';

const run = promisify(execFile);
const main = path.join(import.meta.dirname, '../../cli/main.ts');

describe('the command line', () => {
  it('gives a machine a power driver, turns it on and off, and says what came of it', () =>
    withTempDirectory(async (folder) => {
      await using bmc = await RedfishService.start(folder);
      await using server = await TestServer.start({ allowBmc: '127.0.0.0/8' });
      const ask = async (...args: string[]) =>
        (await run(process.execPath, [main, 'machine', ...args, '--data', server.dataDir])).stdout;
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
      await ask('set-power', name, '--none');
      await expect(ask('power', 'on', name)).rejects.toMatchObject({ code: 4, stderr: /booted by hand/ });
    }));
});
