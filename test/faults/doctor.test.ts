// `deploy-os doctor` against a real server and a real dnsmasq, from the server itself and from a machine of its network (R20, R21, R25).
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withCable } from '../fixtures/network/cable.ts';
import { ChildServer } from '../server/child-server.ts';

const run = promisify(execFile);
const command = new URL('../../cli/main.ts', import.meta.url).pathname;

type Check = { code: string; outcome: string; message: string };

async function doctor(namespace: string, args: readonly string[]): Promise<{ status: number; checks: Check[] }> {
  const whole = ['netns', 'exec', namespace, process.execPath, command, 'doctor', '--json', ...args];
  const { stdout, code } = await run('ip', whole).then(
    (ended) => ({ ...ended, code: 0 }),
    (failed: { stdout: string; code: number }) => failed,
  );
  return { status: code, checks: JSON.parse(stdout) as Check[] };
}

const faultsOf = (checks: readonly Check[]) =>
  checks.filter(({ outcome }) => outcome === 'fault').map(({ code }) => code);

describe.skipIf(process.getuid?.() !== 0)('the doctor', () => {
  let data: string;
  beforeAll(async () => {
    data = await mkdtemp(path.join(tmpdir(), 'deploy-os-doctor-'));
    await mkdir(path.join(data, 'boot/tftp'), { recursive: true });
    for (const name of [
      'vmlinuz',
      'initramfs.img',
      'tftp/undionly.kpxe',
      'tftp/snponly.efi',
      'tftp/shimx64.efi',
      'tftp/grubx64.efi',
    ])
      await writeFile(path.join(data, 'boot', name), Buffer.alloc(5000, name));
  });
  afterAll(() => rm(data, { recursive: true, force: true }));

  test('finds nothing where all is well, and names a missing file, a second DHCP server and a firewall', async () => {
    await withCable(async (home, machine) => {
      const args = ['--listen', '10.9.0.1:7433', '--dhcp-interface', 'wire0', '--dhcp-range', '10.9.0.10,10.9.0.99'];
      const server = await ChildServer.start(data, args, ['ip', 'netns', 'exec', home]);
      const { url, caFingerprint } = server.access;
      const from = ['--server', url, '--ca', caFingerprint, '--interface', 'wire0'];
      try {
        const inside = await doctor(home, ['--data', data]);
        expect(inside).toMatchObject({ status: 0 });
        expect(inside.checks.map(({ code, outcome }) => `${code} ${outcome}`)).toEqual([
          ...['https ok', 'boot-files ok', 'dhcp ok', 'tftp ok', 'port ok'],
        ]);
        const outside = await doctor(machine, from);
        expect([outside.status, faultsOf(outside.checks)]).toEqual([0, []]);

        await rm(path.join(data, 'boot/tftp/shimx64.efi'));
        const other = spawn('ip', [
          ...['netns', 'exec', machine, 'dnsmasq', '--keep-in-foreground', '--port=0', '--interface=wire0'],
          ...['--dhcp-range=10.9.0.200,10.9.0.210', '--user=root', '--pid-file=', '--conf-file=/dev/null', '--no-ping'],
          `--dhcp-leasefile=${path.join(data, 'other.leases')}`,
        ]);
        try {
          const { status, checks } = await doctor(home, ['--data', data]);
          const said = (wanted: string) => checks.find(({ code }) => code === wanted)?.message;
          expect([status, faultsOf(checks)]).toEqual([9, ['dhcp-other', 'tftp']]);
          expect([said('dhcp-other'), said('tftp')]).toEqual([
            expect.stringMatching(/10\.9\.0\.2$/),
            expect.stringMatching(/shimx64\.efi .*not found/),
          ]);
        } finally {
          other.kill();
        }

        const rules =
          'add table inet f; add chain inet f i { type filter hook input priority 0; policy drop; }; add rule inet f i tcp dport 7433 accept; add rule inet f i udp dport 67 accept';
        execFileSync('ip', ['netns', 'exec', home, 'nft', rules]);
        const walled = await doctor(machine, from);
        expect(faultsOf(walled.checks)).toEqual(['tftp']);
        expect(walled.checks.find(({ code }) => code === 'tftp')?.message).toMatch(/no answer/);
        const told = (await doctor(home, ['--data', data])).checks.find(({ code }) => code === 'firewall');
        expect(told?.message).toMatch(/no rule names port 69, 4011/);
      } finally {
        await server.end('SIGTERM');
      }
      const gone = await doctor(machine, from.slice(0, 4));
      expect([gone.status, faultsOf(gone.checks)]).toEqual([9, ['https']]);
    });
  }, 240_000);
});
