// What docs/operations/network-boot-your-dhcp-server.md tells administrators of other DHCP servers to write, in those servers: each kind of machine is told the right file (R32).
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { withCable } from '../fixtures/network/cable.ts';

const guide = readFileSync(
  path.join(import.meta.dirname, '../../docs/operations/network-boot-your-dhcp-server.md'),
  'utf8',
);
const client = path.join(import.meta.dirname, '../fixtures/network/ask-dhcp.ts');
const pool = ['10.9.0.100', '10.9.0.199'] as const;

/** The lines of the code block below the heading that names this server. */
function snippetOf(server: string): string {
  const block = new RegExp(`^### ${server}$.*?^\`\`\`\\w*\\n(.*?)^\`\`\`$`, 'ms').exec(guide)?.[1];
  if (block === undefined) throw new Error(`the guide has no lines for ${server}`);
  return block;
}

type Server = {
  readonly name: string;
  readonly program: string;
  /** Writes what it needs into the folder and answers its arguments. */
  readonly setUp: (folder: string) => string[];
};

const servers: readonly Server[] = [
  {
    name: 'dnsmasq',
    program: 'dnsmasq',
    setUp: (folder) => {
      const file = path.join(folder, 'dnsmasq.conf');
      writeFileSync(file, `dhcp-range=${pool.join(',')},1h\n${snippetOf('dnsmasq')}`);
      const quiet = ['--keep-in-foreground', '--port=0', '--user=root', '--pid-file=', '--no-ping'];
      return [`--conf-file=${file}`, '--interface=wire0', `--dhcp-leasefile=${file}.leases`, ...quiet];
    },
  },
  {
    name: 'ISC dhcpd',
    program: 'dhcpd',
    setUp: (folder) => {
      const [file, leases] = [path.join(folder, 'dhcpd.conf'), path.join(folder, 'dhcpd.leases')];
      const subnet = `subnet 10.9.0.0 netmask 255.255.255.0 { range ${pool.join(' ')}; }`;
      writeFileSync(file, `${snippetOf('ISC dhcpd')}\nping-check false;\n${subnet}\n`);
      writeFileSync(leases, '');
      return ['-4', '-f', '-d', '--no-pid', '-cf', file, '-lf', leases, 'wire0'];
    },
  },
  {
    name: 'Kea',
    program: 'kea-dhcp4',
    setUp: (folder) => {
      const file = path.join(folder, 'kea.json');
      const ours = `"interfaces-config": { "interfaces": ["wire0"] }, "lease-database": { "type": "memfile", "persist": false },
        "subnet4": [{ "subnet": "10.9.0.0/24", "pools": [{ "pool": "${pool.join(' - ')}" }] }]`;
      writeFileSync(file, `{ "Dhcp4": { ${ours}, ${snippetOf('Kea')} } }`);
      return ['-c', file];
    },
  },
];

describe.skipIf(process.getuid?.() !== 0)("an administrator's own DHCP server", () => {
  test.each(servers)(
    '$name tells every kind of machine its file',
    async ({ program, setUp }) => {
      const folder = mkdtempSync(path.join(tmpdir(), 'deploy-os-dhcp-'));
      try {
        await withCable(async (home, machine) => {
          const env = { ...process.env, KEA_LOCKFILE_DIR: folder, KEA_PIDFILE_DIR: folder };
          const child = spawn('ip', ['netns', 'exec', home, program, ...setUp(folder)], { env });
          const said = listen(child);
          try {
            const args = ['netns', 'exec', machine, process.execPath, client, '10.9.0.2'];
            const { stdout } = await promisify(execFile)('ip', args);
            const url = (name: string) => `http://10.0.0.1:7433/boot/${name}`;
            expect(JSON.parse(stdout), said()).toEqual({
              bios: expect.objectContaining({ file: 'undionly.kpxe', next: '10.0.0.1' }),
              'uefi 7': expect.objectContaining({ file: 'shimx64.efi', next: '10.0.0.1' }),
              'uefi 9': expect.objectContaining({ file: 'shimx64.efi', next: '10.0.0.1' }),
              http: expect.objectContaining({ file: url('http-boot.img'), vendor: 'HTTPClient' }),
              'ipxe bios': expect.objectContaining({ file: url('ipxe') }),
              'ipxe uefi': expect.objectContaining({ file: url('ipxe') }),
            });
          } finally {
            child.kill('SIGKILL');
          }
        });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    90_000,
  );
});

/** What the server has said so far, for a failure. */
function listen(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part) => (text += part));
  child.on('error', (error) => (text += error.message));
  return () => text.slice(-3000);
}
