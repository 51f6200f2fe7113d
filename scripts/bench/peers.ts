// The commands that the bench times, ours and the peers', each on the same disk and the same store directory.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** One contender: `prepare` is not timed. */
export type Contender = { readonly name: string; prepare(): void; run(): void };

const cli = path.join(import.meta.dirname, '../../cli/deploy-os');

function shell(command: string): void {
  execFileSync('bash', ['-o', 'pipefail', '-c', command], { stdio: ['ignore', 'ignore', 'inherit'] });
}

function remove(...files: string[]): void {
  for (const file of files) fs.rmSync(file, { recursive: true, force: true });
  execFileSync('sync');
}

export function captureContenders(disk: string, directory: string): Contender[] {
  const store = path.join(directory, 'store');
  const peer = path.join(directory, 'partclone.zst');
  const partclone = `partclone.ext4 -c -a 0 -s ${disk} -o - -L /dev/null 2>/dev/null`;
  return [
    {
      name: 'deploy-os image capture (durable)',
      prepare: () => remove(store),
      run: () => shell(`${cli} image capture ${disk} bench --store ${store}`),
    },
    {
      name: 'partclone.ext4 -a 0 | zstd -1 -T2',
      prepare: () => remove(peer),
      run: () => shell(`${partclone} | zstd -q -1 -T2 > ${peer}`),
    },
    {
      name: 'the same, and sync',
      prepare: () => remove(peer),
      run: () => shell(`${partclone} | zstd -q -1 -T2 > ${peer}; sync -f ${peer}`),
    },
    { name: 'cat of the disk (floor)', prepare: () => {}, run: () => shell(`cat ${disk} > /dev/null`) },
  ];
}

/** Needs what `captureContenders` left. */
export function restoreContenders(disk: string, directory: string): Contender[] {
  const store = path.join(directory, 'store');
  const peer = path.join(directory, 'partclone.zst');
  const target = path.join(directory, 'target.img');
  const partclone = `zstd -q -dc ${peer} | partclone.restore -C -s - -o ${target} -L /dev/null 2>/dev/null`;
  return [
    {
      name: 'deploy-os image restore (synced, read back)',
      prepare: () => remove(target),
      run: () => shell(`${cli} image restore bench ${target} --store ${store}`),
    },
    {
      name: 'zstd -dc | partclone.restore, and sync',
      prepare: () => remove(target),
      run: () => shell(`${partclone}; sync -f ${target}`),
    },
    {
      name: 'cp --sparse of the disk, and sync (floor)',
      prepare: () => remove(target),
      run: () => shell(`cp --sparse=always ${disk} ${target}; sync -f ${target}`),
    },
  ];
}
