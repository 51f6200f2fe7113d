// Makes the disks that the bench captures: 8 GiB of a file system with 3.6 GiB in 180,000 files, and 0.7 GiB of deleted ones between them.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const diskBytes = 8 * 2 ** 30;
const keptBytes = 3.4 * 2 ** 30;
const keptFiles = 180_000;
/** Every sixth byte is deleted again, which leaves 0.7 GiB of stale data in free space. */
const deleteEvery = 6;
const maxFileBytes = 8 * 2 ** 20;

export type BenchFileSystem = 'ext4' | 'xfs' | 'ntfs';

/** How each is made, mounted and left clean. */
const makers = {
  ext4: {
    make: ['mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0'],
    mount: ['mount', '-o', 'loop'],
    clean: ['e2fsck', '-fp'],
  },
  xfs: { make: ['mkfs.xfs', '-q'], mount: ['mount', '-o', 'loop'], clean: ['xfs_repair', '-n'] },
  ntfs: { make: ['mkfs.ntfs', '-q', '-F', '-Q'], mount: ['ntfs-3g', '-o', 'big_writes'], clean: ['ntfsfix', '-n'] },
} as const;

/** The disk's path; made once, then kept in `directory`. Needs root (mount) and 8 GiB. */
export function benchDisk(directory: string, fileSystem: BenchFileSystem = 'ext4'): string {
  const disk = path.join(directory, `bench-${fileSystem}.img`);
  if (fs.existsSync(disk)) return disk;
  fs.mkdirSync(directory, { recursive: true });
  const unfinished = `${disk}.making`;
  fs.rmSync(unfinished, { force: true });
  fs.closeSync(fs.openSync(unfinished, 'w'));
  fs.truncateSync(unfinished, diskBytes);
  const { make, clean } = makers[fileSystem];
  execute(make, unfinished);
  withMounted(unfinished, fill, fileSystem);
  execute(clean, unfinished);
  fs.renameSync(unfinished, disk);
  return disk;
}

function execute([program, ...options]: readonly string[], ...more: string[]): void {
  execFileSync(program as string, [...options, ...more], { stdio: ['ignore', 'ignore', 'ignore'] });
}

/** Mounts a disk file for the time of `work`. */
export function withMounted(disk: string, work: (root: string) => void, fileSystem: BenchFileSystem = 'ext4'): void {
  const root = fs.mkdtempSync('/tmp/deploy-os-bench-');
  execute(makers[fileSystem].mount, disk, root);
  try {
    work(root);
  } finally {
    execFileSync('umount', [root]);
    fs.rmdirSync(root);
  }
}

/** Copies of this machine's /usr, each with its bytes exchanged by another table: as compressible as the original, but not the same. */
function fill(root: string): void {
  let files = 0;
  let bytes = 0;
  const wantedBytes = (keptBytes * deleteEvery) / (deleteEvery - 1);
  const wantedFiles = (keptFiles * deleteEvery) / (deleteEvery - 1);
  const enough = () => bytes >= wantedBytes && files >= wantedFiles;
  for (let copy = 0; !enough(); copy++) {
    const table = exchangeTable(copy);
    for (const file of walk('/usr')) {
      if (enough()) break;
      const content = exchanged(file, table);
      if (content === null) continue;
      // Many small files and few large ones: what is too large for the wanted average is cut.
      const average = (wantedBytes - bytes) / Math.max(1, wantedFiles - files);
      const cut = bytes > wantedBytes || content.length > 200 * average ? content.subarray(0, 2048) : content;
      const top = files % deleteEvery === 0 ? 'deleted' : `copy-${copy}`;
      const target = path.join(root, top, flattened(file));
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(`${target}${top === 'deleted' ? copy : ''}`, cut);
      files++;
      bytes += Math.max(4096, cut.length);
    }
  }
  fs.rmSync(path.join(root, 'deleted'), { recursive: true });
}

/** `/usr/share/doc/gcc/examples/a` becomes `usr/share/doc/gcc-examples-a`: as many files in fewer directories. */
function flattened(file: string): string {
  const parts = file.split('/').slice(1);
  return [...parts.slice(0, 3), parts.slice(3).join('-').slice(-200)].filter((part) => part !== '').join('/');
}

function* walk(directory: string): Generator<string> {
  const entries = fs.readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) yield* walk(file);
    else if (entry.isFile()) yield file;
  }
}

function exchanged(file: string, table: Uint8Array): Buffer | null {
  const { size } = fs.statSync(file);
  if (size === 0 || size > maxFileBytes) return null;
  const content = fs.readFileSync(file);
  for (let i = 0; i < content.length; i++) content[i] = table[content[i] as number] as number;
  return content;
}

/** A permutation of the bytes that keeps zero; the first copy is left as it is. */
function exchangeTable(copy: number): Uint8Array {
  const table = Uint8Array.from({ length: 256 }, (_, i) => i);
  let state = copy * 2_654_435_761;
  for (let i = 255; copy > 0 && i > 1; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const j = 1 + (state % i);
    const kept = table[i] as number;
    table[i] = table[j] as number;
    table[j] = kept;
  }
  return table;
}
