// Machines that are off are turned on for their jobs (R23), and what became of it is seen each time (R28): by IPMI, by Redfish, and by magic packets. Behind both
// BMCs is one virtual machine, whose own boot is from a disk that stands still: only a BMC that was told to boots it from the network. IPMI is OpenIPMI's
// simulator, the Redfish service is ours. A virtual machine cannot be off and listen: a process with the sleeper's place in both segments starts it. In the
// second segment is no server but one agent, which runs as a process.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomUUID, X509Certificate } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseCommandLine } from '../../agent/1-boot/command-line.ts';
import type { PowerAnswer } from '../../protocol/power.ts';
import type { Job, Machine } from '../../protocol/rest.ts';
import { runCommand } from '../../scripts/lab/run-command.ts';
import { buildBootFiles, Site } from '../../scripts/lab/site.ts';
import type { FileAgentOptions } from '../fixtures/agent/agent-on-files.ts';
import { startIpmiService } from '../fixtures/ipmi-service.ts';
import { RedfishService } from '../fixtures/redfish-service.ts';
import { runsAll } from '../fixtures/run-all.ts';
import { VirtualChassis } from '../fixtures/virtual-chassis.ts';
import { eventually } from '../server/support.ts';

const jobWithinMs = 400_000;
const offWithinMs = 60_000;
/** Where magic packets are listened for: of the server's segment, and of the second one. */
const broadcasts = { first: '10.77.0.255', second: '10.80.0.255' } as const;
const machines = {
  web: { uuid: '5d0b1a4e-000a-4000-8000-000000000001', mac: '52:54:00:77:0a:01' },
  pc: { uuid: '5d0b1a4e-000a-4000-8000-000000000002', mac: '52:54:00:77:0a:02' },
} as const;
/** CLI, HLT, and back to it. */
const standstill = Buffer.from([0xfa, 0xf4, 0xeb, 0xfd]);

let site: Site;
let failed = true;

beforeAll(async () => {
  if (!runsAll) return;
  const folder = await Site.makeFolder();
  await buildBootFiles(folder, 'to the log');
  site = await Site.open(folder);
});
afterAll(() => site?.close(failed ? 'logs' : 'nothing'));

/** A chassis whose disk boots, to no end. */
async function makeChassis(name: keyof typeof machines): Promise<VirtualChassis> {
  const { uuid, mac } = machines[name];
  const disk = { bus: 'sata', serial: `LAB-${name}`, content: { blankBytes: 64 * 2 ** 20 } } as const;
  const nics = [{ mac, model: 'virtio-net-pci' }] as const;
  const spec = await site.furnish(name, { uuid, cpus: 1, memoryMiB: 1024, disks: [disk], bootFrom: 'disk', nics });
  const bootSector = Buffer.alloc(512);
  standstill.copy(bootSector);
  bootSector.writeUInt16LE(0xaa55, 510);
  await writeFile(spec.disks[0]?.file ?? '', bootSector, { flag: 'r+' });
  return new VirtualChassis(site, spec);
}

/** Two hosts of the server's segment that the second one joins, where no server is. */
async function makeSecondSegment(): Promise<{ relay: string; sleeper: string }> {
  const relay = await site.network.addHost('10.77.0.50');
  const sleeper = await site.network.addHost('10.77.0.51');
  const ip = (command: string) => runCommand('ip', command.split(' '));
  await ip(`-n ${relay} link add eth1 type veth peer name eth1 netns ${sleeper}`);
  for (const [host, address] of Object.entries({ [relay]: '10.80.0.1/24', [sleeper]: '10.80.0.2/24' })) {
    await ip(`-n ${host} addr add ${address} dev eth1`);
    await ip(`-n ${host} link set eth1 up`);
  }
  return { relay, sleeper };
}

/** The agent as a process of a host, registered and approved. */
async function startAgent(host: string): Promise<void> {
  const uuid = randomUUID();
  const { raw } = new X509Certificate(await readFile(path.join(site.folder, 'data/tls/ca.pem')));
  const query = new URLSearchParams({ uuid, mac: '', platform: 'pcbios' });
  const url = `${site.server.url.replace('https', 'http')}/boot/script?${query}`;
  const fetching = `process.stdout.write(await (await fetch(${JSON.stringify(url)})).text())`;
  const script = await runCommand(
    ...site.network.wrapCommand(process.execPath, ['--input-type=module', '--eval', fetching]),
  );
  const options: FileAgentOptions = {
    ...{ serverUrl: site.server.url, uuid, files: [], tellNics: true, outageMs: 60_000, bootId: randomUUID() },
    caFingerprint: `sha256:${createHash('sha256').update(raw).digest('hex')}`,
    token: parseCommandLine(script).token ?? '',
  };
  startOn(host, '../fixtures/agent/agent-on-files.ts', JSON.stringify(options)).stdout?.resume();
  await eventually(async () => {
    const relay = (await site.server.read<Machine[]>('/v1/machines')).find(
      ({ inventory }) => inventory?.smbios.uuid === uuid,
    );
    if (relay?.online === true) await site.server.ask('machine', 'approve', relay.id);
    return relay?.online === true;
  }, 60_000);
}

/** Answers the networks by which a magic packet for it has come. */
async function startSleeper(host: string, mac: string, wake: () => Promise<void>): Promise<ReadonlySet<string>> {
  const heard = new Set<string>();
  const child = startOn(host, '../fixtures/magic-listener.ts', mac, ...Object.values(broadcasts));
  const lines = createInterface({ input: child.stdout as Readable });
  const ready = new Set<string>();
  lines.on('line', (line) => {
    const [, listening] = /^listening on (.+)$/.exec(line) ?? [];
    if (listening !== undefined) ready.add(listening);
    else heard.add(line);
    if (line === broadcasts.second) void wake();
  });
  await eventually(async () => ready.size === 2, 60_000);
  return heard;
}

function startOn(host: string, file: string, ...args: readonly string[]): ChildProcess {
  const program = path.join(import.meta.dirname, file);
  const [command, words] = site.network.wrapCommand(process.execPath, [program, ...args], host);
  return spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
}

const power = (...words: readonly string[]): Promise<PowerAnswer> =>
  site.server.ask<PowerAnswer>('machine', 'power', ...words);

async function queue(machine: string, ...more: readonly string[]): Promise<string> {
  return (await site.server.ask<Job>('job', 'run', '--scenario', 'look', '--machine', machine, ...more)).id;
}

async function succeed(id: string): Promise<void> {
  await site.waitForJob(id, ({ state }) => state === 'succeeded', jobWithinMs);
}

/** Three boots of two machines at once take four minutes; test/conformance/power.test.ts has a machine behind a BMC, which boots nothing. */
const seldom = test.skipIf(!runsAll);

seldom(
  'machines that are off are turned on for their jobs by IPMI, Redfish and magic packets, and seen to be off at the end',
  async () => {
    const { server, network, folder } = site;
    const file = (name: string): string => path.join(folder, name);
    // Nobody has booted them: they are known from a list.
    const rows = Object.entries(machines).map(([name, { uuid, mac }]) => `${name},${uuid},${mac},approved`);
    await writeFile(file('machines.csv'), ['name,uuid,macs,state', ...rows, ''].join('\n'));
    await server.ask('machine', 'import', file('machines.csv'));
    await server.ask('scenario', 'create', 'look', '--check', '--end', 'poweroff');

    const [web, pc] = [await makeChassis('web'), await makeChassis('pc')];
    for (const name of ['ipmi', 'redfish']) await mkdir(file(name));
    const address = network.hostAddress;
    await using ipmi = await startIpmiService(file('ipmi'), { address, port: 20_627, behind: web });
    const resetTypes = ['On', 'ForceOff', 'ForceRestart', 'GracefulShutdown'];
    await using redfish = await RedfishService.start(file('redfish'), { chassis: web, resetTypes }, address);
    await writeFile(file('ipmi/password'), ipmi.password);
    await writeFile(file('redfish/password'), redfish.password);
    const byIpmi = ['--ipmi', address, '--port', String(ipmi.port), '--cipher-suite', '3', '--user', ipmi.user];
    await server.ask('machine', 'set-power', 'web', ...byIpmi, '--password-file', file('ipmi/password'));

    const { relay, sleeper } = await makeSecondSegment();
    await startAgent(relay);
    const heard = await startSleeper(sleeper, machines.pc.mac, () => pc.turnOn('network'));
    await server.ask('machine', 'set-power', 'pc', '--wake-on-lan', '--broadcast', broadcasts.second);

    // Both at once: the one by IPMI, the other by magic packets of the server, and of the agent where the server's do not go.
    const jobs = [await queue('web', '--wake'), await queue('pc', '--wake')];
    for (const id of jobs) await succeed(id);
    expect(web.boots).toEqual(['network']);
    expect(new Set(ipmi.calls)).toEqual(new Set(['set boot pxe', 'set power 1']));
    expect(heard).toEqual(new Set(Object.values(broadcasts)));
    await web.machine.waitForPowerOff(offWithinMs);
    await pc.machine.waitForPowerOff(offWithinMs);
    expect(await power('status', 'web')).toMatchObject({ driver: 'ipmi', state: 'off', verified: true });

    // The same machine by Redfish: its own system does nothing; turned off and on, it boots from the network.
    const byRedfish = ['--redfish', redfish.url, '--user', redfish.user, '--certificate', redfish.certificate];
    await server.ask('machine', 'set-power', 'web', ...byRedfish, '--password-file', file('redfish/password'));
    expect(await power('on', 'web')).toMatchObject({ driver: 'redfish', state: 'on', verified: true });
    // The BMC says on from the first moment; QEMU takes one more.
    await eventually(async () => web.machine.isRunning, 60_000);
    const waiting = await queue('web');
    expect(await power('cycle', 'web', '--network-boot')).toMatchObject({ state: 'on', verified: true });
    await succeed(waiting);
    expect(web.boots).toEqual(['network', 'usual', 'network']);
    await web.machine.waitForPowerOff(offWithinMs);
    expect(await power('status', 'web')).toMatchObject({ driver: 'redfish', state: 'off', verified: true });
    failed = false;
  },
);
