// `deploy-os store …`: stats, check, garbage collection, prune.
import type { Command } from 'commander';
import { addCheckCommand } from './store-check.ts';
import { addGarbageCommand } from './store-gc.ts';
import { addPruneCommand } from './store-prune.ts';
import { addStatsCommand } from './store-stats.ts';

export function addCommands(program: Command): void {
  const store = program.command('store').description('Look after an image store');
  addStatsCommand(store);
  addCheckCommand(store);
  addGarbageCommand(store);
  addPruneCommand(store);
}
