// R1: a flood of foreign, malformed and hostile packets at every service of the server changes nothing for what is being deployed.
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { withCable } from '../fixtures/network/cable.ts';
import { runsAll } from '../fixtures/run-all.ts';
import { ChildServer } from '../server/child-server.ts';
import { eventually } from '../server/support.ts';

const run = promisify(execFile);
const command = new URL('../../cli/main.ts', import.meta.url).pathname;
const flood = new URL('../fixtures/network/flood.ts', import.meta.url).pathname;
const packets = runsAll ? 1_000_000 : 200_000;
const mib = 2 ** 20;

describe.skipIf(process.getuid?.() !== 0)('a flood at DHCP, PXE, TFTP and HTTP', () => {
  it(`of ${packets} packets neither ends a service nor harms images on their way`, async () => {
    await withCable(async (home, machine) => {
      const folder = await mkdtemp(path.join(tmpdir(), 'deploy-os-flood-'));
      const data = path.join(folder, 'data');
      await mkdir(path.join(data, 'boot/tftp'), { recursive: true });
      await writeFile(path.join(data, 'boot/tftp/undionly.kpxe'), noise(70_000, 'loader'));
      const args = ['--listen', '10.9.0.1:7433', '--dhcp-interface', 'wire0', '--dhcp-range', '10.9.0.10,10.9.0.99'];
      const server = await ChildServer.start(data, [...args, '--log-level', 'warn'], ['ip', 'netns', 'exec', home]);
      try {
        const dnsmasq = () =>
          execFileSync('pgrep', ['-P', String(server.process.pid), '-x', 'dnsmasq'], { encoding: 'utf8' });
        const before = dnsmasq();
        const inMachine = ['netns', 'exec', machine, process.execPath];
        let flooding = true;
        const flooded = run('ip', [...inMachine, flood, '10.9.0.1', '7433', String(packets)]).finally(() => {
          flooding = false;
        });
        const source = await makeRawDisk(path.join(folder, 'source'), 48 * mib, [
          { offsetBytes: 0, bytes: noise(40 * mib, 'deployed') },
        ]);
        const { url, caFingerprint, token } = server.access;
        const store = ['--store', url, '--ca', caFingerprint, '--token', token];
        const deploy = (...words: string[]) => run('ip', [...inMachine, command, 'image', ...words, ...store]);
        let deployments = 0;
        for (; flooding; deployments++) {
          const target = path.join(folder, `target-${deployments}`);
          await deploy('capture', source, `image-${deployments}`);
          await deploy('restore', `image-${deployments}`, target);
          expect((await readFile(target)).equals(await readFile(source))).toBe(true);
          await rm(target);
        }
        expect(Number((await flooded).stdout)).toBe(packets);
        expect(deployments).toBeGreaterThan(0);
        expect([dnsmasq(), server.process.exitCode]).toEqual([before, null]);
        // As a machine sees them that boots now: what is missing was never there.
        const asked = ['--server', url, '--ca', caFingerprint, '--interface', 'wire0'];
        const faults = async () => {
          const { stdout } = await run('ip', [...inMachine, command, 'doctor', '--json', ...asked]).catch(
            (failed: { stdout: string }) => failed,
          );
          const checks = JSON.parse(stdout) as { outcome: string; message: string }[];
          return checks.filter(({ outcome }) => outcome === 'fault').map(({ message }) => message);
        };
        const absent = ['vmlinuz', 'initramfs.img', 'shimx64.efi', 'snponly.efi', 'grubx64.efi'];
        // Transfers that nobody takes fill dnsmasq's table; it is started anew when it has been deaf for half a minute.
        await eventually(
          async () => (await faults()).every((text) => absent.some((name) => text.includes(name))),
          90_000,
        );
        // Five of each fault a minute, and how many more there were.
        expect(server.lines.length).toBeLessThan(100);
        const after = dnsmasq();
        expect([after === before || server.lines.join().includes('tftp-deaf'), server.process.exitCode]).toEqual([
          true,
          null,
        ]);
      } finally {
        // Killed it would leave its dnsmasq behind.
        await server.end('SIGTERM');
        await rm(folder, { recursive: true });
      }
    });
  }, 180_000);
});
