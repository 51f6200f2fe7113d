// `deploy-os image …`: a file for each verb.
import type { Command } from 'commander';
import { addVerbs, type VerbFiles } from './verb-files.ts';

const verbs: VerbFiles = {
  capture: () => import('./image-capture.ts'),
  verify: () => import('./image-verify.ts'),
  show: () => import('./image-show.ts'),
  delete: () => import('./image-delete.ts'),
  list: () => import('./image-list.ts'),
  diff: () => import('./image-diff.ts'),
  export: () => import('./image-export.ts'),
  import: () => import('./image-import.ts'),
  map: () => import('./image-map.ts'),
  mount: () => import('./image-mount.ts'),
  preflight: () => import('./image-preflight.ts'),
  prove: () => import('./image-prove.ts'),
  restore: () => import('./image-restore.ts'),
  undo: () => import('./image-undo.ts'),
};

export async function addCommands(program: Command, asked?: string): Promise<void> {
  const image = program.command('image').description('Capture disks as images, restore, verify and list them');
  await addVerbs(image, verbs, asked);
}
