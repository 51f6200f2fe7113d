// The commands that the bench times, ours and the peers', each on the same disk and the same store directory.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { BenchFileSystem } from './make-disk.ts';

/** One contender: `prepare` is not timed. */
export type Contender = { readonly name: string; prepare(): void; run(): void };

/** Where a round of the bench works, and on what. */
export type BenchSite = { readonly fileSystem: BenchFileSystem; readonly disk: string; readonly directory: string };

const cli = path.join(import.meta.dirname, '../../cli/deploy-os');

function shell(command: string): void {
  execFileSync('bash', ['-o', 'pipefail', '-c', command], { stdio: ['ignore', 'ignore', 'inherit'] });
}

function remove(...files: string[]): void {
  for (const file of files) fs.rmSync(file, { recursive: true, force: true });
  execFileSync('sync');
}

export function captureContenders({ fileSystem, disk, directory }: BenchSite): Contender[] {
  const store = path.join(directory, 'store');
  let captures = 0;
  const peer = path.join(directory, 'partclone.zst');
  const used = path.join(directory, 'used.raw');
  const partclone = `partclone.${fileSystem} -c -a 0 -s ${disk} -o - -L /dev/null 2>/dev/null`;
  return [
    {
      name: 'deploy-os image capture (flushed to disk)',
      // ext4 is slow to make files where it has just deleted thousands, so earlier stores are kept until the end.
      prepare: () => {
        if (fs.existsSync(store)) fs.renameSync(store, `${store}-${captures++}`);
        remove();
      },
      run: () => shell(`${cli} image capture ${disk} first --store ${store} --no-parent`),
    },
    {
      name: `partclone.${fileSystem} -a 0 \\| zstd -1 -T2`,
      prepare: () => remove(peer),
      run: () => shell(`${partclone} | zstd -q -1 -T2 > ${peer}`),
    },
    {
      name: 'the same, and sync',
      prepare: () => remove(peer),
      run: () => shell(`${partclone} | zstd -q -1 -T2 > ${peer}; sync -f ${peer}`),
    },
    {
      name: 'zstd -1 -T2 of the used bytes alone, output thrown away (floor)',
      prepare: () => {
        if (!fs.existsSync(used)) shell(`${partclone} > ${used}`);
        shell(`cat ${used} > /dev/null`);
      },
      run: () => shell(`zstd -q -1 -T2 -c ${used} > /dev/null`),
    },
  ];
}

/** Needs what `captureContenders` left. */
export function restoreContenders({ disk, directory }: BenchSite): Contender[] {
  const store = path.join(directory, 'store');
  const peer = path.join(directory, 'partclone.zst');
  const target = path.join(directory, 'target.img');
  // partclone 0.3.23 refuses a target that is missing about once in thirty runs, and with -o one that is there.
  const partclone = `: > ${target}; zstd -q -dc ${peer} | partclone.restore -C -s - -O ${target} -L /dev/null 2>/dev/null`;
  return [
    {
      name: 'deploy-os image restore (flushed, read back)',
      prepare: () => remove(target),
      run: () => shell(`${cli} image restore first ${target} --store ${store} --yes`),
    },
    { name: 'zstd -dc \\| partclone.restore', prepare: () => remove(target), run: () => shell(partclone) },
    {
      name: 'the same, and sync',
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

/** The disk after a change, captured again; then restored over the disk as it was before. Needs what `captureContenders` left. */
export function changeContenders({ disk, directory }: BenchSite, changed: string): Contender[] {
  const store = path.join(directory, 'store');
  const target = path.join(directory, 'target.img');
  return [
    {
      name: 'second capture',
      prepare: () => {
        if (imageExists(store, 'second')) {
          shell(`${cli} image delete second --store ${store}; ${cli} store gc --older-than 0 --store ${store}`);
        }
        shell(`cat ${changed} > /dev/null; sync`);
      },
      run: () => shell(`${cli} image capture ${changed} second --store ${store} --json > ${directory}/second.json`),
    },
    {
      name: 'restore over the first',
      prepare: () => shell(`cp --sparse=always ${disk} ${target}; sync -f ${target}`),
      run: () => shell(`${cli} image restore second ${target} --store ${store} --yes --json > ${directory}/delta.json`),
    },
  ];
}

function imageExists(store: string, name: string): boolean {
  const images = execFileSync(cli, ['image', 'list', '--json', '--store', store], { encoding: 'utf8' });
  return (JSON.parse(images) as { name: string }[]).some((image) => image.name === name);
}
