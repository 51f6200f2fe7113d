// Messages of real kernels, as people have posted them; what they mean is in Linux, drivers/ata/libata-core.c, ata_hpa_resize.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DeviceNode } from '../../../imaging/blockdev/device-node.ts';
import { findHiddenBytes, parseAtaLog } from '../../../imaging/blockdev/hidden-area.ts';
import { ataLogFile } from '../../../imaging/blockdev/kernel-log.ts';
import { listDisks } from '../../../imaging/blockdev/list-disks.ts';
import { listRecorded, recordMachine } from '../../../imaging/blockdev/record.ts';
import { addDevice, sataDisk, type TreeDevice } from '../../fixtures/sysfs-tree.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hidden-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** As /dev/kmsg gives them; `first` is the sequence number of the first record that the kernel still has. */
function logOf(messages: readonly string[], first = 0): string {
  const records = messages.map((text, i) => `6,${first + 700 + i},${2_197_351 + i},-;${text}`);
  return [`5,${first},0,-;`, ...records].join('\n');
}

const seagate = [
  'ata4.00: HPA detected: current 1953523055, native 1953525168',
  'ata4.00: ATA-8: ST31000340AS, SD15, max UDMA/133',
  'ata4.00: 1953523055 sectors, multi 0: LBA48 NCQ (depth 31/32)',
];
const unlocked = [
  'ata4.00: HPA unlocked: 390715759 -> 390721968, native 390721968',
  'ata4.00: ATA-6: WDC WD2000JD-00HBB0, 08.02D08, max UDMA/133',
  'ata4.00: 390721968 sectors, multi 16: LBA48 ',
];
const plain = [
  "ata4.00: Model 'INTEL SSDSC2KG480G8', rev 'XCV10120', applying quirks: zeroaftertrim",
  'ata4.00: ATA-10: INTEL SSDSC2KG480G8, XCV10120, max UDMA/133',
  'ata4.00: 937703088 sectors, multi 1: LBA48 NCQ (depth 32)',
];
const size = (sectors: number) => `ata4.00: ${sectors} sectors, multi 16: LBA48 `;

function hiddenOf(messages: readonly string[], sectors: number, first = 0): number | null {
  const directory = '/sys/devices/pci0000:00/0000:00:1f.2/ata4/host3/target3:0:0/3:0:0:0/block/sda';
  const node: Pick<DeviceNode, 'directory' | 'sizeBytes' | 'sectorSizeBytes'> = {
    ...{ directory, sizeBytes: sectors * 512, sectorSizeBytes: 512 },
  };
  return findHiddenBytes(node, parseAtaLog(logOf(messages, first)));
}

test.for<[string, readonly string[], number, number | null]>([
  ['what the disk has beyond its size', seagate, 1_953_523_055, 2113 * 512],
  ['nothing where the kernel has opened it', unlocked, 390_721_968, 0],
  ['nothing where the kernel has looked and tells of none', plain, 937_703_088, 0],
  [
    'what a disk keeps that did not let the kernel open it',
    ['ata4.00: device aborted resize (488395055 -> 488397168), skipping HPA handling', size(488_395_055)],
    ...([488_395_055, 2113 * 512] as const),
  ],
  ['of the disk that was plugged in last', [...seagate, ...plain], 937_703_088, 0],
  ['not known where the disk has another size now', seagate, 1_953_525_168, null],
  ['not known where the kernel has said nothing of it', plain.slice(0, 2), 937_703_088, null],
  [
    'not known where the kernel calls it broken',
    ['ata4.00: HPA support seems broken, skipping HPA handling', size(100)],
    ...([100, null] as const),
  ],
  [
    'not known where the kernel does not ask this model',
    ["ata4.00: Model 'HDS724040KLSA80', rev 'KFAOA20N', applying quirks: noncq brokenhpa", size(100)],
    ...([100, null] as const),
  ],
  [
    'not known where the disk says that it has less than it has',
    ['ata4.00: native sectors (1) is smaller than sectors (100)', size(100)],
    ...([100, null] as const),
  ],
  [
    'not known where a number is none',
    ['ata4.00: HPA detected: current 100, native 99999999999999999999', size(100)],
    ...([100, null] as const),
  ],
])('hidden is %s', ([, messages, sectors, expected]) => {
  expect(hiddenOf(messages, sectors)).toBe(expected);
});

test('where the beginning of the log has been overwritten, silence says nothing', () => {
  expect(hiddenOf(plain, 937_703_088, 1)).toBe(null);
  expect(hiddenOf(seagate, 1_953_523_055, 1)).toBe(2113 * 512);
});

test('no text makes a number that is none', () => {
  const text = fc.string({
    unit: fc.constantFrom(...'ata4.00: sectors, multi;\n0123456789->()'.split(''), 'HPA detected: '),
  });
  fc.assert(
    fc.property(fc.array(text), (lines) => {
      for (const { sectors } of parseAtaLog([logOf(seagate), ...lines].join('\n')).values())
        expect(Number.isSafeInteger(sectors)).toBe(true);
    }),
  );
});

const mib = (sizeMiB: number) => sizeMiB * 2048;

/** Two disks on one PATA port, one behind a port multiplier, two members of a mirror, and a log that tells of all but the last. */
async function makeMachine(): Promise<string> {
  const root = await mkdtemp(join(folder, 'tree-'));
  const pata = (name: string, number: string, target: number): TreeDevice => {
    const place = `pci0000:00/0000:00:1f.1/ata1/host0/target0:0:${target}/0:0:${target}:0/block`;
    return { name, number, place, sizeMiB: 10 };
  };
  const multiplied = 'pci0000:00/0000:00:1f.2/ata2/host1/target1:3:0/1:3:0:0/block';
  const devices: TreeDevice[] = [
    ...[pata('sda', '8:0', 0), pata('sdb', '8:16', 1)],
    { name: 'sdc', number: '8:32', place: multiplied, sizeMiB: 10 },
    { ...sataDisk('sdd', '8:48', 4), sizeMiB: 10, holders: ['md0'] },
    { ...sataDisk('sde', '8:64', 5), sizeMiB: 10, holders: ['md0'] },
    { name: 'md0', number: '9:0', place: 'virtual/block', slaves: ['sdd', 'sde'] },
    { name: 'vda', number: '254:0', place: 'pci0000:00/0000:00:04.0/virtio1/block' },
  ];
  for (const device of devices) await addDevice(root, device);
  const found = (name: string, hiddenMiB: number) => [
    ...(hiddenMiB === 0 ? [] : [`ata${name}: HPA detected: current ${mib(10)}, native ${mib(10 + hiddenMiB)}`]),
    `ata${name}: ${mib(10)} sectors, multi 16: LBA48 `,
  ];
  const log = logOf([...found('1.00', 0), ...found('1.01', 1), ...found('2.03', 2), ...found('5.00', 4)]);
  await mkdir(dirname(join(root, ataLogFile)), { recursive: true });
  await writeFile(join(root, ataLogFile), log);
  return root;
}

test('each disk has what was said of its own port and number there, an array what its members hide', async () => {
  const root = await makeMachine();
  const told = (await listDisks(root)).map(({ kernelName, hiddenBytes }) => [kernelName, hiddenBytes]);
  expect(told.sort()).toEqual([
    ['md0', 4 * 2 ** 20],
    ['sda', 0],
    ['sdb', 2 ** 20],
    ['sdc', 2 * 2 ** 20],
    ['vda', null],
  ]);
});

test('a recording carries it', async () => {
  const root = await makeMachine();
  const recorded = await listRecorded(JSON.stringify(await recordMachine(root)), listDisks);
  expect(recorded.map(({ hiddenBytes }) => hiddenBytes).filter(Boolean)).toHaveLength(3);
});
