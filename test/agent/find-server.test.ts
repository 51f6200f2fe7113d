import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, it, vi } from 'vitest';

const fixtures = join(import.meta.dirname, '../fixtures');

type Found = {
  readonly foundCa: boolean;
  /** The system's own way leads to the server, too. */
  readonly reachesAfterwards: boolean;
  /** And large packets get there and back. */
  readonly largePass: boolean;
  readonly messages: readonly string[];
  readonly waits: readonly string[];
  readonly route: string;
  readonly resolvConf: string;
  readonly addresses: Readonly<Record<string, readonly string[]>>;
  readonly results: Readonly<Record<string, string>>;
};

/** What the agent finds with these words on its command line, in networks of test/fixtures/network/run-in-networks.sh. */
async function findIn(scenario: string, words: string, waitFor = ''): Promise<Found> {
  return await runIn(scenario, 'find-server-once.ts', words, waitFor);
}

async function runIn<T>(scenario: string, program: string, words: string, waitFor = ''): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'deploy-os-networks-'));
  try {
    const { stdout } = await promisify(execFile)(
      'sh',
      [
        join(fixtures, 'network/run-in-networks.sh'),
        scenario,
        dataDir,
        process.execPath,
        join(fixtures, 'agent/server-process.ts'),
        process.execPath,
        join(fixtures, 'network', program),
        words,
      ],
      { timeout: 90_000, env: { ...process.env, WAIT_FOR: waitFor } },
    );
    return JSON.parse(stdout);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

// They wait for most of their time.
vi.setConfig({ maxConcurrency: 8 });

// Needs root for namespaces of its own; the host's network is not touched.
describe.runIf(process.getuid?.() === 0)('the search for the server', { timeout: 100_000, concurrent: true }, () => {
  // Half a minute, in which the others run.
  it('waits for a link that comes late, behind a switch that forwards nothing at first (R18)', async ({ expect }) => {
    const found = await findIn('spanning-tree', 'deploy.server=10.77.0.1:7433 deploy.nic=eth7');
    expect(found.messages).toEqual([
      expect.stringMatching(/ through lan, address 10\.77\.0\.10\d$/),
      'deploy.nic=eth7: this machine has no such NIC',
    ]);
    expect(found.waits[0]).toMatch(/lan : (bringing it up|no link)/);
    expect(found.waits.join('\n')).toMatch(/lan : no link/);
    expect(found.waits.join('\n')).toMatch(/lan : waiting for an address \(DHCP; spanning tree may take a minute\)/);
    expect(found.waits.join('\n')).toMatch(
      /lan : no DHCP answer: .* a switch that does not forward yet \(spanning tree/,
    );
  });

  it('finds it through the NIC that leads to it, late as it is, beside one that another DHCP server answers first', async ({
    expect,
  }) => {
    const found = await findIn('two-dhcp', 'deploy.server=10.77.0.1:7433');
    expect(found.foundCa).toBe(true);
    expect(found.messages).toEqual([
      expect.stringMatching(/^found https:\/\/10\.77\.0\.1:7433 through lan, address 10\.77\.0\.10\d$/),
      expect.stringMatching(/^dmz [0-9a-f:]+ no driver, link 10000 Mb\/s full: address 10\.77\.0\.5\d, /),
    ]);
    expect(found.route).toMatch(/^10\.77\.0\.1 dev lan src 10\.77\.0\.10\d/);
    expect(found.addresses.dmz?.[0]).toMatch(/^10\.77\.0\.5\d$/);
    expect(found.waits.join('\n')).toMatch(/lan : waiting for an address/);
    expect(found.waits.join('\n')).toMatch(/dmz : address 10\.77\.0\.5\d, asking the server/);
  });

  it('is not misled by two networks that give two NICs the same address', async ({ expect }) => {
    const found = await findIn('same-address', 'deploy.server=10.77.0.1:7433');
    expect(found.foundCa).toBe(true);
    expect(found.messages[0]).toBe('found https://10.77.0.1:7433 through lan, address 10.77.0.50');
    expect(found.results.dmz).toMatch(/^address 10\.77\.0\.50, port 7433 of 10\.77\.0\.1 is closed/);
    expect(found.route).toMatch(/^10\.77\.0\.1 dev lan src 10\.77\.0\.50/);
    expect(found.reachesAfterwards).toBe(true);
  });

  it('takes the address that was given to the NIC that leads to the server, which that network knows by name', async ({
    expect,
  }) => {
    const words = 'deploy.server=deploy.example.test:7433 deploy.ip=10.77.0.20/24,10.77.0.9,10.77.0.1 deploy.nic=cut';
    const found = await findIn('static', words);
    expect(found.foundCa).toBe(true);
    expect(found.messages[0]).toBe('found https://deploy.example.test:7433 through lan, address 10.77.0.20');
    expect(found.results.cut).toMatch(/^no link/);
    expect(found.results.dmz).toBe(
      "address 10.77.0.20, looking up 'deploy.example.test': DNS server 10.77.0.1 does not answer (port closed)",
    );
    expect(found.addresses.lan).toContain('10.77.0.20');
    expect(found.addresses.dmz).not.toContain('10.77.0.20');
    expect(found.route).toMatch(/^10\.77\.0\.1 dev lan src 10\.77\.0\.20/);
    expect(found.resolvConf).toBe('nameserver 10.77.0.1\n');
  });

  it('leaves an address that was given to the machine that has it already, and tries the next network', async ({
    expect,
  }) => {
    const found = await findIn('static-taken', 'deploy.server=10.77.0.1:7433 deploy.ip=10.77.0.20/24 deploy.nic=dmz');
    expect(found.messages[0]).toBe('found https://10.77.0.1:7433 through lan, address 10.77.0.20');
    expect(found.results.dmz).toMatch(/^duplicate address: another machine in this network has 10\.77\.0\.20/);
    expect(found.addresses.dmz).not.toContain('10.77.0.20');
  });

  it('takes an IPv6 address that was given', async ({ expect }) => {
    const words = 'deploy.server=[fd00:77::1]:7433 deploy.ip=FD00:77:0::20/64,fd00:77::9';
    const found = await findIn('static-ipv6', words);
    expect(found.foundCa).toBe(true);
    expect(found.messages[0]).toBe('found https://[fd00:77::1]:7433 through lan, address fd00:77::20');
    expect(found.results.dmz).toBe(
      'address fd00:77::20, port 7433 of fd00:77::1 is closed: no server listens there, or a firewall refuses',
    );
    expect(found.route).toMatch(/^fd00:77::1 .*dev lan .*src fd00:77::20/);
    expect(found.addresses.dmz).not.toContain('fd00:77::20');
  });

  it('takes the IPv6 address that a router announces where the server has one', async ({ expect }) => {
    const found = await findIn('announced-ipv6', 'deploy.server=[fd00:77::1]:7433');
    expect(found.foundCa).toBe(true);
    expect(found.messages[0]).toMatch(/ through lan, address fd00:77::[0-9a-f:]+$/);
    expect(found.results.silent).toMatch(/^(waiting for an address|no DHCP answer)/);
  });

  it('names the fault of each NIC', async ({ expect }) => {
    const found = await findIn('faults', 'deploy.server=10.77.0.1:7433');
    expect(found.foundCa).toBe(true);
    expect(found.messages[0]).toMatch(/ through lan, /);
    const address = /^address 10\.7[78]\.0\.5\d, /;
    const expected = {
      closed: /port 7433 of 10\.77\.0\.1 is closed/,
      filtered: /no answer from port 7433 of 10\.77\.0\.1: it is filtered/,
      other: /wrong CA at 10\.77\.0\.1 port 7433/,
      far: /10\.77\.0\.1 cannot be reached: no such machine in this network, or the gateway knows no way/,
    };
    for (const [nic, words] of Object.entries(expected)) {
      expect(found.results[nic]).toMatch(address);
      expect(found.results[nic]).toMatch(words);
    }
    expect(found.results.cut).toMatch(/^no link/);
    expect(found.results.silent).toMatch(/^no DHCP answer/);
    expect(found.results.nak).toMatch(/^NAK: the DHCP server 10\.77\.0\.1 refuses an address \('range is used up'\)/);
    expect(found.results.lan).toMatch(/, reaches the server$/);
  });

  it('names a second DHCP and PXE server in the network, with both addresses', async ({ expect }) => {
    const found = await findIn('second-dhcp', 'deploy.server=10.77.0.1:7433', 'several PXE');
    expect(found.foundCa).toBe(true);
    expect(found.results.lan).toMatch(/^address 10\.77\.0\.[12]0\d, reaches the server; several DHCP servers answer/);
    const both = [
      /^lan: several DHCP servers .*: 10\.77\.0\.1 \(10\.77\.0\.10\d\), 10\.77\.0\.9 \(10\.77\.0\.20\d\); machines take/,
      /^lan: several PXE servers .*: 10\.77\.0\.1 \(ours\.kpxe\), 10\.77\.0\.9 \(theirs\.0\); machines boot/,
    ];
    for (const fault of both) expect(found.messages).toContainEqual(expect.stringMatching(fault));
  });

  it('finds nothing wrong with our boot services beside another DHCP server', async ({ expect }) => {
    const found = await findIn('proxy-dhcp', 'deploy.server=10.77.0.1:7433', 'several');
    expect(found.messages).toEqual([expect.stringMatching(/^found .* through lan, address 10\.77\.0\.20\d$/)]);
    expect(found.results.lan).toMatch(/, reaches the server$/);
  });

  it('declines an address by DHCP that another machine has, and asks for another one', async ({ expect }) => {
    const found = await findIn('declined', 'deploy.server=10.77.0.1:7433');
    expect(found.messages[0]).toBe('found https://10.77.0.1:7433 through lan, address 10.77.0.51');
    expect(found.waits.join('\n')).toMatch(
      /lan : duplicate address: another machine in this network has 10\.77\.0\.5[01] that the DHCP server offers; declined/,
    );
  });

  it('names an MTU black hole, and keeps its packets small enough', async ({ expect }) => {
    const found = await findIn('black-hole', 'deploy.server=10.79.0.1:7433');
    expect(found.foundCa).toBe(true);
    const fault = /MTU black hole: large packets vanish .*; packets are kept to 1400 bytes/;
    expect(found.results.lan).toMatch(fault);
    expect(found.messages).toContainEqual(expect.stringMatching(fault));
    expect(found.route).toMatch(/ mtu 1400/);
    expect(found.largePass).toBe(true);
  });

  it('leaves nothing of what it set up where other settings are given, by DHCP or not', async ({ expect }) => {
    type Seen = { addresses: string[]; rules: number; routes: number; clients: number };
    const server = 'deploy.server=10.77.0.1:7433';
    const given = `${server} deploy.ip=10.77.0.20/24,10.77.0.9 deploy.nic=two`;
    const words = `${server}|${given}|${server}`;
    const seen = await runIn<{ found: Seen; left: Seen }[]>('two-ways', 'other-settings.ts', words);
    const found = seen.map(({ found: { addresses } }) => addresses.join());
    expect(found).toEqual([
      expect.stringMatching(/10\.77\.0\.10\d (one|two)/),
      '10.77.0.20 two',
      expect.stringMatching(/10\.77\.0\.10\d (one|two)/),
    ]);
    for (const { found, left } of seen) {
      expect(found.rules).toBeGreaterThan(0);
      expect(left).toEqual({ addresses: [], rules: 0, routes: 0, clients: 0 });
    }
  });

  const ways = { 'by DHCP': '', 'with an address that was given': 'deploy.ip=10.77.0.20/24' };
  for (const [how, words] of Object.entries(ways)) {
    it(`goes on by another NIC when the link of the one in use is lost, and stays there: ${how}`, async ({
      expect,
    }) => {
      const { seen, moves, messages } = await runIn<{ seen: object[]; moves: number; messages: string[] }>(
        'two-ways',
        'keep-server-once.ts',
        `deploy.server=10.77.0.1:7433 deploy.nic=one ${words}`,
      );
      expect(seen).toEqual(['one', 'two', 'two', 'one'].map((nic) => ({ nic, reached: true })));
      expect(moves).toBe(2);
      expect(messages.at(-1)).toMatch(
        /^two has lost its link; the server is reached through one now, address 10\.77\.0\./,
      );
    });
  }
});
