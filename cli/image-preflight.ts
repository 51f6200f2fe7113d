// `deploy-os image preflight`: what a capture of a disk would warn of, without a capture.
import type { Command } from 'commander';
import { mapDisk } from '../imaging/map.ts';
import { inspectSource } from '../imaging/preflight/check-capture.ts';
import { refusalOf } from '../imaging/preflight/finding.ts';
import { printSystem } from './image-output.ts';
import { describeFinding, failWith, interruptSignal, printJson } from './output.ts';

type Flags = { json?: true; member?: true; allowShared?: true };

/** Adds `preflight` to `deploy-os image`. */
export function addVerb(image: Command): void {
  image
    .command('preflight <source>')
    .description('Say which systems are on a disk or disk file, and what a capture of it would warn of')
    .option('--member', 'look into a member of an array as if it were a disk')
    .option('--allow-shared', 'a cluster’s file system is a warning, as for `image capture`')
    .option('--json', 'print the result as JSON')
    .action(async (disk: string, flags: Flags) => {
      const { member: allowMember = false, allowShared = false } = flags;
      const signal = interruptSignal();
      const map = await mapDisk(disk, { allowMember, signal });
      const result = await inspectSource(disk, map, { allowShared, signal });
      if (flags.json) printJson(result);
      else {
        for (const system of result.systems) printSystem(system);
        for (const finding of result.findings) process.stdout.write(`${describeFinding(finding)}\n`);
      }
      failWith(refusalOf(result.findings));
    });
}
