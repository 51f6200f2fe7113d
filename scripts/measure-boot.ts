// By hand: from the kernel's first line to a registered agent, beside the same kernel with a static busybox that does DHCP and one HTTP request,
// in turns. QEMU starts the kernel itself, so firmware and download are in neither. The result stands in docs/performance.md.
import { appendFileSync, copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { printTable } from '../cli/output.ts';
import { writeCpio } from '../initramfs/cpio.ts';
import { FileTree } from '../initramfs/file-tree.ts';
import { makeSystem } from '../test/fixtures/guest.ts';
import type { MachineSpec } from './lab/machine-spec.ts';
import { buildBootFiles, Site } from './lab/site.ts';

const runs = Number(process.argv[2] ?? 5);
const withinMs = 240_000;
/** So often a log is looked at: the figures are as exact as that. */
const pollMs = 5;
/** The kernel says its first line at once, and little else. */
const console = 'earlyprintk=ttyS0,115200 console=ttyS0,115200 loglevel=6';
const uuid = '5d0b1a4e-0009-4000-8000-000000000009';

const busyboxScript = (server: string) => `
ip link set eth0 up
printf '#!/bin/sh\\n[ "$1" = bound ] && ifconfig $interface $ip netmask $subnet\\ntrue\\n' >/tmp/bound
chmod +x /tmp/bound
udhcpc -i eth0 -n -q -s /tmp/bound >/dev/null 2>&1
wget -q -O /dev/null ${server}/ca.pem
echo busybox has been answered
`;

/** In the place of what starts the agent: how long Node takes for nothing, as it is first read and once more, with nothing beside it. */
const nodeScript = `#!/usr/bin/busybox sh
export PATH=/usr/sbin:/usr/bin
up() { busybox cut -d' ' -f1 /proc/uptime; }
until [ -e /run/deploy-os/devices-settled ]; do busybox usleep 20000; done
a=$(up); node -e 0; b=$(up); node -e 0; c=$(up)
busybox dmesg | busybox grep -E 'Unpacking initramfs|Freeing initrd|Run /init' >/dev/ttyS0
echo "node: $a $b $c" >/dev/ttyS0
busybox poweroff -f
`;

/** What the agent says on the serial line on its way, and what has been done until then. */
const stages = {
  'waiting for devices': 'Node and the agent are loaded',
  'looking for': 'the first look at the NICs',
  'found https': 'address, and the server has answered',
  '| registering': 'a token, and the disks are there',
} as const;

type Kernel = NonNullable<MachineSpec['kernel']>;
type Boot = { readonly seconds: number; readonly said: string; readonly stages: Record<string, number> };
type Ended = (serial: string, log: string) => boolean;

async function boot(site: Site, name: string, kernel: Kernel, ended: Ended): Promise<Boot> {
  const log = path.join(site.folder, 'server.log');
  const before = readFileSync(log).length;
  const nics = [{ mac: '52:54:00:77:00:99' }];
  const machine = await site.powerOn({
    name,
    bootFrom: 'kernel',
    kernel,
    disks: [],
    nics,
    uuid,
    cpus: 2,
    memoryMiB: 1024,
  });
  const endMs = performance.now() + withinMs;
  let startedMs: number | undefined;
  const seen: Record<string, number> = {};
  for (;;) {
    const said = machine.readSerial();
    const nowMs = performance.now();
    if (said.includes('Linux version')) startedMs ??= nowMs;
    const seconds = (nowMs - (startedMs ?? nowMs)) / 1000;
    for (const text of Object.keys(stages)) if (said.includes(text)) seen[text] ??= seconds;
    if (ended(said, readFileSync(log).subarray(before).toString('latin1'))) {
      await machine.kill();
      return { seconds, said, stages: seen };
    }
    if (nowMs > endMs) throw machine.failure(`the boot of ${name}`, withinMs);
    await sleep(pollMs);
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return ((sorted[Math.floor((sorted.length - 1) / 2)] ?? 0) + (sorted[Math.ceil((sorted.length - 1) / 2)] ?? 0)) / 2;
}

/** The Deploy-OS with another `run-agent`: what comes later in an initramfs takes the place of what came before. */
async function replaceRunAgent(initramfs: string, to: string): Promise<void> {
  const tree = new FileTree();
  tree.addText('usr/lib/deploy-os/run-agent', nodeScript, 0o755);
  copyFileSync(initramfs, to);
  appendFileSync(to, await writeCpio(tree.entries(), 0));
}

const folder = await Site.makeFolder();
await buildBootFiles(folder, 'aloud');
const site = await Site.open(folder);
const seconds: Record<'busybox' | 'agent' | 'before' | 'node' | 'again', number[]> = {
  busybox: [],
  agent: [],
  before: [],
  node: [],
  again: [],
};
const stageSeconds = new Map<string, number[]>();
let said = '';
try {
  const bootFile = (name: string) => path.join(folder, 'boot', name);
  const ca = /CA (sha256:[0-9a-f]{64})/.exec(readFileSync(path.join(folder, 'server.log'), 'utf8'))?.[1] ?? '';
  const plain = site.server.url.replace('https', 'http');
  mkdirSync(path.join(folder, 'busybox'));
  const busybox = await makeSystem(
    { modules: ['virtio_net'], script: busyboxScript(plain) },
    path.join(folder, 'busybox'),
  );
  await replaceRunAgent(bootFile('initramfs.img'), bootFile('node.img'));
  const deployOs = {
    vmlinuz: bootFile('vmlinuz'),
    options: `${console} deploy.server=${site.server.url} deploy.ca=${ca}`,
  };
  for (let run = 0; run < runs; run++) {
    const one = await boot(site, 'busybox', { ...busybox, options: console }, (serial) =>
      serial.includes('busybox has been answered'),
    );
    const two = await boot(site, 'agent', { ...deployOs, initramfs: bootFile('initramfs.img') }, (_, log) =>
      log.includes('"agent connected"'),
    );
    const three = await boot(site, 'node', { ...deployOs, initramfs: bootFile('node.img') }, (serial) =>
      /node: .*\n/.test(serial),
    );
    const [a = 0, b = 0, c = 0] = (/node: ([\d.]+) ([\d.]+) ([\d.]+)/.exec(three.said) ?? []).slice(1).map(Number);
    for (const [text, at] of Object.entries(two.stages))
      stageSeconds.set(text, [...(stageSeconds.get(text) ?? []), at]);
    seconds.busybox.push(one.seconds);
    seconds.agent.push(two.seconds);
    seconds.before.push(a);
    seconds.node.push(b - a);
    seconds.again.push(c - b);
    said = three.said;
    process.stderr.write(
      `${run + 1}: busybox ${one.seconds.toFixed(2)} s, agent ${two.seconds.toFixed(2)} s, drivers ${a} s, Node ${(b - a).toFixed(2)} s, again ${(c - b).toFixed(2)} s\n`,
    );
  }
} finally {
  await site.close('logs');
}
const { busybox, agent, before, node, again } = seconds;
const text = (values: readonly number[]) => median(values).toFixed(2);
printTable(
  ['WHAT', 'SECONDS'],
  [
    ['a: busybox, answered by the server', text(busybox)],
    ...Object.entries(stages).map(([said, done]) => [`   ${done}`, text(stageSeconds.get(said) ?? [])]),
    ['b: the agent, registered', text(agent)],
    ["Node's own start", text(node)],
    ["Node's own start, once it has been read", text(again)],
    ['the machine’s devices have their drivers (by the kernel’s clock)', text(before)],
    ['(b - Node) / a; 1.3 is the aim', ((median(agent) - median(node)) / median(busybox)).toFixed(2)],
  ],
);
process.stdout.write(
  `${said
    .split('\n')
    .filter((line) => /Unpacking|Freeing|Run \/init/.test(line))
    .join('\n')}\nlogs: ${folder}\n`,
);
