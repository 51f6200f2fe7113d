// Measures what docs/decisions says about the chunk size: time, files, bytes, and what a package upgrade costs.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { captureImage } from '../../imaging/capture.ts';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { withMounted } from './make-disk.ts';

const sizes = [256, 512, 1024, 2048, 4096];
/** Of each directory of this share the files are replaced: written anew under another name and renamed, as dpkg does. */
const upgradedBytes = 200 * 2 ** 20;

/** Prints one row a size: first capture, then a second one after an upgrade. */
export async function measureChunkSizes(disk: string, bench: string): Promise<void> {
  const work = path.join(bench, 'work');
  fs.rmSync(work, { recursive: true, force: true });
  fs.mkdirSync(work);
  const upgraded = path.join(work, 'upgraded.img');
  execFileSync('cp', ['--sparse=always', disk, upgraded]);
  withMounted(upgraded, upgrade);
  process.stdout.write(
    '| chunk KiB | first s | files | stored MiB | upgrade s | new MiB | new / 200 MiB |\n|---|---|---|---|---|---|---|\n',
  );
  for (const size of sizes) {
    const directory = path.join(work, 'store');
    fs.rmSync(directory, { recursive: true, force: true });
    const store = await openDirectoryStore(directory, { create: true });
    const chunkSizeBytes = size * 1024;
    for (const file of [disk, upgraded]) execFileSync('cat', [file], { stdio: 'ignore' });
    const first = await captureImage({ sourcePath: disk, imageName: 'first', store, chunkSizeBytes });
    const { chunks, storedBytes } = await store.stats();
    const options = { sourcePath: upgraded, imageName: 'second', store, chunkSizeBytes, parentName: 'first' };
    const second = await captureImage(options);
    const cells = [
      ...[size, first.seconds.toFixed(1), chunks, (storedBytes / 2 ** 20).toFixed(0)],
      ...[second.seconds.toFixed(1), (second.bytesSent / 2 ** 20).toFixed(0)],
      (second.bytesNew / upgradedBytes).toFixed(2),
    ];
    process.stdout.write(`| ${cells.join(' | ')} |\n`);
    await store.close();
  }
  fs.rmSync(work, { recursive: true });
}

/** Replaces the files of every fortieth directory until 200 MiB are new. */
function upgrade(root: string): void {
  let bytes = 0;
  const directories = execFileSync('find', [root, '-type', 'd'], { encoding: 'utf8', maxBuffer: 2 ** 28 })
    .split('\n')
    .sort();
  for (let start = 0; start < 40 && bytes < upgradedBytes; start++) {
    for (let i = start; i < directories.length && bytes < upgradedBytes; i += 40) {
      bytes += replaceFiles(directories[i] as string, upgradedBytes - bytes);
    }
  }
}

/** A new version differs from the old in a few places. */
function replaceFiles(directory: string, budgetBytes: number): number {
  if (directory === '') return 0;
  let bytes = 0;
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isFile() || bytes > budgetBytes) continue;
    const file = path.join(directory, entry.name);
    const content = fs.readFileSync(file);
    for (let at = 100; at < content.length; at += 3000) content[at] = (content[at] as number) ^ 1;
    fs.writeFileSync(`${file}.dpkg-new`, content);
    fs.renameSync(`${file}.dpkg-new`, file);
    bytes += content.length;
  }
  return bytes;
}
