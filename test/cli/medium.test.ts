import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { cutInTransit } from '../fixtures/faulty-wire.ts';
import { readWords, settingsOffset, writeMadeIso } from '../fixtures/made-iso.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { TestServer } from '../server/support.ts';

const run = promisify(execFile);
const main = path.join(import.meta.dirname, '../../cli/main.ts');

describe('the command line', () => {
  it('downloads a medium, with the secret of a new enrolment, that can be revoked', async () => {
    await using server = await TestServer.start({ advertise: '10.0.0.1:7433' });
    await writeMadeIso(path.join(server.dataDir, 'boot'), '');
    const ask = async (...args: string[]) =>
      (await run(process.execPath, [main, ...args, '--data', server.dataDir])).stdout;
    await withTempDirectory(async (directory) => {
      const out = path.join(directory, 'x.iso');
      const flags = [
        '--ip',
        '10.0.0.5/24',
        '--vlan',
        '7',
        '--bond',
        'bond0:eth0,eth1:mode=802.3ad',
        '--options',
        'deploy.progress=2',
        '--secret',
        '--valid-days',
        '2',
      ];
      const said = JSON.parse(await ask('medium', 'download', '--out', out, ...flags, '--json'));
      expect(said).toMatchObject({ file: out, sizeBytes: 700_001 });
      expect(readWords(await readFile(out))).toMatch(
        /^deploy\.server=https:\/\/10\.0\.0\.1:7433 deploy\.ca=sha256:\w+ deploy\.ip=10\.0\.0\.5\/24 deploy\.vlan=7 deploy\.bond=bond0:eth0,eth1:mode=802\.3ad deploy\.secret=den_\w{16}_[\w-]{32} deploy\.progress=2$/,
      );
      expect(await ask('enrolment', 'list')).toContain(`${said.enrolmentId}  medium ${out}`);
      expect(await ask('enrolment', 'revoke', said.enrolmentId)).toBe(`revoked: ${said.enrolmentId}\n`);
      const secret = (await ask('enrolment', 'create', 'Büro')).trim();
      await ask('medium', 'download', '--out', out, '--for', 'https://[fd00::1]', '--secret', secret);
      expect(readWords(await readFile(out))).toMatch(
        new RegExp(`^deploy\\.server=https://\\[fd00::1\\] .* deploy\\.secret=${secret}$`),
      );
      const wrong = ask('medium', 'download', '--out', path.join(directory, 'y.iso'), '--ip', '10.0.0.5/24,10.0.1.1');
      await expect(wrong).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('the gateway') });
      const unknown = ask('medium', 'download', '--out', path.join(directory, 'y.iso'), '--secret', 'den_x');
      await expect(unknown).rejects.toMatchObject({ code: 3 });
      expect(await readdir(directory)).toEqual(['x.iso']);
    });
  });

  it('goes on with a download that broke off, where it was', async () => {
    await using server = await TestServer.start({ advertise: '10.0.0.1:7433' });
    const iso = await writeMadeIso(path.join(server.dataDir, 'boot'), '', 4_000_000);
    const { port, caFingerprint, operatorToken } = server.running;
    // The first connection fetches the CA.
    const wire = await cutInTransit(port, [Number.MAX_SAFE_INTEGER, 2_000_000, 1_000_000]);
    await withTempDirectory(async (directory) => {
      const out = path.join(directory, 'x.iso');
      const access = ['--server', `https://127.0.0.1:${wire.port}`, '--ca', caFingerprint, '--token', operatorToken];
      await run(process.execPath, [main, 'medium', 'download', '--out', out, ...access]);
      const made = await readFile(out);
      expect(made.subarray(settingsOffset + 4096).equals(iso.subarray(settingsOffset + 4096))).toBe(true);
      expect([made.length, wire.damaged()]).toEqual([iso.length, 2]);
      // From the start each time it would be 7 MB.
      expect(wire.received()).toBeLessThan(5_500_000);
    });
    await wire.close();
  });
});
