// Measures what a capture costs by size: time and peak memory of sparse disks from 8 GiB to 4 TiB, empty and with 1 GiB in use.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const measure = path.join(import.meta.dirname, '../../test/fixtures/measure-capture.ts');
const sizesGib = [8, 64, 512, 4096];
const contentMib = [0, 256, 512, 1024];

export function measureScale(directory: string): void {
  process.stdout.write('| disk GiB | in files MiB | capture s | peak memory MiB |\n|---|---|---|---|\n');
  for (const gib of sizesGib) measureDisk(directory, gib, 0);
  for (const mib of contentMib.slice(1)) measureDisk(directory, 64, mib);
  measureDisk(directory, 4096, 1024);
}

/** XFS: its metadata does not grow with the disk, so that "empty" is. */
function measureDisk(directory: string, sizeGib: number, filesMib: number): void {
  const disk = path.join(directory, 'scale.img');
  const store = path.join(directory, 'scale-store');
  for (const file of [disk, store]) fs.rmSync(file, { recursive: true, force: true });
  execFileSync('truncate', ['-s', `${sizeGib}G`, disk]);
  execFileSync('mkfs.xfs', ['-q', disk]);
  if (filesMib > 0) fillDisk(disk, filesMib);
  const startedMs = performance.now();
  const peakKib = Number(execFileSync(process.execPath, [measure, disk, store], { encoding: 'utf8' }));
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stdout.write(`| ${sizeGib} | ${filesMib} | ${seconds} | ${peakKib >> 10} |\n`);
  for (const file of [disk, store]) fs.rmSync(file, { recursive: true, force: true });
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
