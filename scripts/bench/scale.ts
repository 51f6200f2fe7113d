// Measures what a capture costs by size: time, peak memory and what telling progress takes; sparse disks from 8 GiB to 4 TiB, empty and with up to 1 GiB in use.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const measure = path.join(import.meta.dirname, '../../test/fixtures/measure-capture.ts');

/** `gpt` is a partition table without a partition. */
const makers = {
  gpt: ['sfdisk', '-q'],
  ntfs: ['mkfs.ntfs', '-q', '-F', '-Q'],
  btrfs: ['mkfs.btrfs', '-q'],
  ext4: ['mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=1'],
  xfs: ['mkfs.xfs', '-q'],
} as const;

type Row = { readonly kind: keyof typeof makers; readonly sizeGib: number; readonly filesMib?: number };

const rows: readonly Row[] = [
  ...(['gpt', 'ntfs', 'btrfs', 'ext4'] as const).map((kind) => ({ kind, sizeGib: 4096 })),
  ...[8, 64, 512, 4096].map((sizeGib) => ({ kind: 'xfs' as const, sizeGib })),
  ...[256, 512, 1024].map((filesMib) => ({ kind: 'xfs' as const, sizeGib: 64, filesMib })),
  { kind: 'xfs', sizeGib: 4096, filesMib: 1024 },
];

export function measureScale(directory: string): void {
  const columns = ['disk', 'GiB', 'in files MiB', 'used MiB', 'capture s', 'peak memory MiB', 'progress ms'];
  process.stdout.write(`| ${columns.join(' | ')} |\n|${'---|'.repeat(columns.length)}\n`);
  for (const row of rows) process.stdout.write(`| ${measureRow(directory, row).join(' | ')} |\n`);
}

function measureRow(directory: string, { kind, sizeGib, filesMib = 0 }: Row): (string | number)[] {
  const disk = path.join(directory, 'scale.img');
  const store = path.join(directory, 'scale-store');
  for (const file of [disk, store]) fs.rmSync(file, { recursive: true, force: true });
  execFileSync('truncate', ['-s', `${sizeGib}G`, disk]);
  const [program, ...flags] = makers[kind];
  execFileSync(program, [...flags, disk], { input: 'label: gpt\n', stdio: ['pipe', 'ignore', 'ignore'] });
  if (filesMib > 0) fillDisk(disk, filesMib);
  const stdio = ['ignore', 'pipe', 'ignore'] as const;
  const output = execFileSync(process.execPath, [measure, disk, store], { encoding: 'utf8', stdio: [...stdio] });
  const { peakKib, seconds, usedBytes, progressMs } = JSON.parse(output);
  for (const file of [disk, store]) fs.rmSync(file, { recursive: true, force: true });
  const usedMib = Math.round(usedBytes / 2 ** 20);
  return [kind, sizeGib, filesMib, usedMib, seconds.toFixed(2), peakKib >> 10, progressMs.toFixed(1)];
}

/** Compressible by a quarter, nowhere equal. */
function fillDisk(disk: string, mib: number): void {
  const root = fs.mkdtempSync('/tmp/deploy-os-bench-');
  execFileSync('mount', ['-o', 'loop', disk, root]);
  try {
    execFileSync('bash', ['-c', `head -c ${(mib * 3 * 2 ** 20) / 4} /dev/urandom | base64 -w0 > ${root}/file`]);
  } finally {
    execFileSync('umount', [root]);
    fs.rmdirSync(root);
  }
}
