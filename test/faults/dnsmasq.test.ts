import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { writeDnsmasqConfig } from '../../server/dhcp/dnsmasq-config.ts';
import { withCable } from '../fixtures/network/cable.ts';
import { ChildServer } from '../server/child-server.ts';
import { eventually } from '../server/support.ts';

const run = promisify(execFile);
const client = new URL('../fixtures/dhcp-discover.ts', import.meta.url).pathname;

const facts = {
  interfaceName: 'eth0',
  server: '10.9.0.1:7433',
  address: '10.9.0.1',
  netmask: '255.255.255.0',
  tftpDir: '/tmp',
  leaseFile: '/tmp/no.leases',
  arm64: true,
  user: 'nobody',
};

describe('the configuration of dnsmasq', () => {
  it.each([
    ['proxy-DHCP', 'proxy' as const],
    ['TFTP alone', 'tftp' as const],
    ['full DHCP', { first: '10.9.0.10', last: '10.9.0.99' }],
  ])('for %s is one that dnsmasq takes', async (_, range) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'deploy-os-dnsmasq-'));
    const file = path.join(folder, 'dnsmasq.conf');
    await writeFile(file, writeDnsmasqConfig({ ...facts, range }));
    const { stderr, status } = spawnSync('dnsmasq', ['--test', `--conf-file=${file}`], { encoding: 'utf8' });
    await rm(folder, { recursive: true });
    expect([status, stderr]).toEqual([0, expect.stringContaining('syntax check OK')]);
  });
});

async function offer(machine: string, ipxe: 'yes' | 'no', architecture: string): Promise<Record<string, string>> {
  const { stdout } = await run('ip', ['netns', 'exec', machine, process.execPath, client, ipxe, architecture]);
  return JSON.parse(stdout);
}

async function findDnsmasq(server: ChildServer): Promise<number | undefined> {
  const { stdout } = await run('pgrep', ['-P', String(server.process.pid), '-x', 'dnsmasq']).catch(() => ({
    stdout: '',
  }));
  return stdout.trim() === '' ? undefined : Number(stdout.trim());
}

/** Empty once the process has ended, reaped or not. */
function commandLineOf(processId: number): Promise<string> {
  return readFile(`/proc/${processId}/cmdline`, 'utf8').catch(() => '');
}

describe('machines with an arm64 processor', () => {
  const config = (arm64: boolean, range: Parameters<typeof writeDnsmasqConfig>[0]['range']) =>
    writeDnsmasqConfig({ ...facts, arm64, range });
  const pool = { first: '10.9.0.10', last: '10.9.0.99' };

  it('are never told the boot files of PCs, built for or not', () => {
    for (const arm64 of [true, false]) expect(config(arm64, pool)).toContain('tag:!uefi,tag:!arm64,undionly.kpxe');
    expect(config(false, pool)).not.toContain('shimaa64');
  });

  it('beside another DHCP server boot by HTTP alone: GRUB knows no proxy, and there is no iPXE for them', () => {
    expect(config(true, 'proxy')).not.toContain('shimaa64');
    expect(config(true, 'proxy')).toContain('dhcp-boot=tag:arm64-http,http://10.9.0.1:7433/boot/arm64/http-boot.img');
  });
});

describe.skipIf(process.getuid?.() !== 0)('the boot services', () => {
  it('offer an address and the fitting boot file, survive foreign packets, and come back when dnsmasq dies', async () => {
    await withCable(async (serverNamespace, machine) => {
      const data = await mkdtemp(path.join(tmpdir(), 'deploy-os-dhcp-'));
      for (const folder of ['tftp', 'arm64/tftp/grub'])
        await mkdir(path.join(data, 'boot', folder), { recursive: true });
      const args = ['--listen', '10.9.0.1:7433', '--dhcp-interface', 'wire0', '--dhcp-range', '10.9.0.10,10.9.0.99'];
      // The other end of the cable is not plugged in yet: the boot services start all the same.
      execFileSync('ip', ['-n', machine, 'link', 'set', 'wire0', 'down']);
      let server = await ChildServer.start(data, args, ['ip', 'netns', 'exec', serverNamespace]);
      try {
        execFileSync('ip', ['-n', machine, 'link', 'set', 'wire0', 'up']);
        execFileSync('ip', ['-n', machine, 'route', 'replace', 'default', 'via', '10.9.0.1']);
        expect(await offer(machine, 'yes', '0')).toEqual({
          address: expect.stringMatching(/^10\.9\.0\.\d+$/),
          bootFile: 'http://10.9.0.1:7433/boot/ipxe',
        });
        expect((await offer(machine, 'no', '0')).bootFile).toBe('undionly.kpxe');
        expect((await offer(machine, 'no', '7')).bootFile).toBe('shimx64.efi');
        // A firmware that boots by HTTP takes no offer that does not say so, and wants a URL.
        expect(await offer(machine, 'no', '16')).toMatchObject({
          vendorClass: 'HTTPClient',
          bootFile: 'http://10.9.0.1:7433/boot/http-boot.img',
        });
        // Another processor, whose files lie beside those for PCs.
        expect((await offer(machine, 'no', '11')).bootFile).toBe('shimaa64.efi');
        expect(await offer(machine, 'no', '19')).toMatchObject({
          vendorClass: 'HTTPClient',
          bootFile: 'http://10.9.0.1:7433/boot/arm64/http-boot.img',
        });

        const first = await eventually(() => findDnsmasq(server));
        await run('ip', ['netns', 'exec', machine, process.execPath, '-e', foreignPackets]);
        expect(await findDnsmasq(server)).toBe(first);
        process.kill(first, 'SIGKILL');
        const second = await eventually(async () => {
          const found = await findDnsmasq(server);
          return found !== first && found;
        });
        expect((await offer(machine, 'yes', '0')).bootFile).toContain('/boot/ipxe');

        // A killed server leaves its dnsmasq behind, which keeps the ports; the next one takes over.
        await server.end('SIGKILL');
        expect(await commandLineOf(second)).toContain('dnsmasq');
        server = await ChildServer.start(data, args, ['ip', 'netns', 'exec', serverNamespace]);
        expect(await commandLineOf(second)).toBe('');
        expect((await offer(machine, 'yes', '0')).bootFile).toContain('/boot/ipxe');
        const third = await eventually(() => findDnsmasq(server));
        await server.end('SIGTERM');
        expect(await commandLineOf(third)).toBe('');
        expect(await readFile(path.join(data, 'dnsmasq.conf'), 'utf8')).toContain('dhcp-range=10.9.0.10,10.9.0.99');
      } finally {
        await server.end('SIGKILL');
        await rm(data, { recursive: true });
      }
    });
  }, 60_000);
});

/** Noise for the ports of DHCP, TFTP and PXE, as found on real networks and worse. */
const foreignPackets = `
const { createSocket } = require('node:dgram');
const { randomBytes } = require('node:crypto');
const socket = createSocket('udp4');
let left = 600;
const step = () => {
  if (left-- === 0) return socket.close();
  socket.send(randomBytes(1 + left % 700), [67, 69, 4011][left % 3], '10.9.0.1', () => setImmediate(step));
};
socket.bind(0, step);
`;
