// `deploy-os store …`: stats, check, garbage collection, prune.
import type { Command } from 'commander';
import { addVerbs, type VerbFiles } from './verb-files.ts';

const verbs: VerbFiles = {
  stats: () => import('./store-stats.ts'),
  check: () => import('./store-check.ts'),
  gc: () => import('./store-gc.ts'),
  prune: () => import('./store-prune.ts'),
};

export async function addCommands(program: Command, asked?: string): Promise<void> {
  await addVerbs(program.command('store').description('Look after an image store'), verbs, asked);
}
