// The main bench: capture and restore beside partclone, then both again after a change; one file system after the other.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { changeOnePercent } from './change-files.ts';
import { type BenchFileSystem, benchDisk } from './make-disk.ts';
import { type BenchSite, captureContenders, changeContenders, restoreContenders } from './peers.ts';
import { type Bars, drawBars } from './plot.ts';
import { median, printTimes, race, type Times } from './race.ts';

/** Prints tables; draws the medians to `plotFile`. */
export function comparePeers(
  fileSystems: readonly BenchFileSystem[],
  options: { directory: string; runs: number; plotFile: string },
): void {
  const groups: Bars[] = [];
  for (const fileSystem of fileSystems) {
    const disk = benchDisk(options.directory, fileSystem);
    const directory = path.join(options.directory, 'work');
    fs.rmSync(directory, { recursive: true, force: true });
    fs.mkdirSync(directory);
    try {
      groups.push(...compareOn({ fileSystem, disk, directory }, options.runs));
    } finally {
      fs.rmSync(directory, { recursive: true, force: true });
    }
  }
  fs.writeFileSync(options.plotFile, drawBars('Seconds, medians: Deploy-OS beside partclone', groups));
}

function compareOn(site: BenchSite, runs: number): Bars[] {
  const { fileSystem, disk, directory } = site;
  const captures = race(captureContenders(site), disk, runs);
  printTimes(`capture, ${fileSystem}`, captures);
  process.stdout.write(
    `\nStored: ${mebibytes(path.join(directory, 'store'))} MiB as chunks, ${mebibytes(path.join(directory, 'partclone.zst'))} MiB by partclone and zstd.\n`,
  );
  const restores = race(restoreContenders(site), disk, runs);
  printTimes(`restore, ${fileSystem}`, restores);
  const changed = path.join(directory, 'changed.img');
  const changedBytes = changeOnePercent(disk, changed, fileSystem);
  const again = race(changeContenders(site, changed), changed, runs);
  const [second, delta] = again;
  printTimes(`after 1 % of the files changed, ${fileSystem}`, again);
  printAgain(directory, changedBytes, [
    [second, captures[0], 'first capture'],
    [delta, restores[0], 'full restore'],
  ]);
  return [
    bars(`capture ${fileSystem}`, [...captures.slice(0, 2), ...again.slice(0, 1)]),
    bars(`restore ${fileSystem}`, [...restores.slice(0, 2), ...again.slice(1)]),
  ];
}

/** What the second capture stored and the delta restore fetched, beside what was changed. */
function printAgain(
  directory: string,
  changedBytes: number,
  pairs: readonly (readonly [Times | undefined, Times | undefined, string])[],
): void {
  const second = readJson(path.join(directory, 'second.json'));
  const delta = readJson(path.join(directory, 'delta.json'));
  const beside = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB, ${(bytes / changedBytes).toFixed(2)} times`;
  process.stdout.write(
    `\nFiles of ${(changedBytes / 2 ** 20).toFixed(0)} MiB were changed: stored anew ${beside(second.bytesSent ?? 0)}; fetched ${beside(delta.bytesFetched ?? 0)}.\n`,
  );
  for (const [again, first, name] of pairs) {
    const ratio = median(again?.seconds ?? []) / median(first?.seconds ?? []);
    process.stdout.write(`${again?.name}: ${ratio.toFixed(2)} of the ${name}.\n`);
  }
}

function readJson(file: string): { bytesSent?: number; bytesFetched?: number } {
  return JSON.parse(fs.readFileSync(file, 'utf8')) as { bytesSent?: number; bytesFetched?: number };
}

function mebibytes(file: string): string {
  return execFileSync('du', ['-sm', '--apparent-size', file], { encoding: 'utf8' }).split('\t')[0] ?? '';
}

function bars(title: string, times: readonly Times[]): Bars {
  return { title, bars: times.map(({ name, seconds }) => ({ label: name.replace('\\', ''), value: median(seconds) })) };
}
