// `deploy-os server backup` and `server restore`: the server itself, in one file.
import path from 'node:path';
import type { Command } from 'commander';
import { backUp } from '../server/backup/back-up.ts';
import { restoreServer } from '../server/backup/restore-server.ts';
import { readServerConfig } from '../server/config.ts';
import { formatBytes, printJson } from './output.ts';
import { findOwner, giveTo } from './owner.ts';

type Place = { readonly data: string; readonly database?: string; readonly json?: boolean };
type BackupOptions = Place & {
  readonly store?: string;
  readonly bootDir?: string;
  readonly out: string;
  readonly images?: boolean;
  readonly bootFiles?: boolean;
};

export function addBackupCommands(server: Command): void {
  server
    .command('backup')
    .description('Write database, CA, tokens and keys into one file, while the server runs; images only if asked for')
    .requiredOption('--data <dir>', "the server's data directory")
    .requiredOption('--out <file>', 'the backup; whoever reads it can be your server')
    .option('--database <url>', 'the one that the server was started with')
    .option('--store <place>', 'the one that the server was started with')
    .option('--boot-dir <dir>', 'the one that the server was started with')
    .option('--images', 'the image store, too, if it is a directory')
    .option('--boot-files', 'what `deploy-os build` made, too')
    .option('--json', 'print JSON')
    .action(backup);
  server
    .command('restore <file>')
    .description('Make a data directory from a backup; then start the server on it')
    .requiredOption('--data <dir>', 'a new or empty directory')
    .option('--database <url>', 'an empty PostgreSQL database, for a backup of a server on PostgreSQL')
    .option('--json', 'print JSON')
    .action(restore);
}

async function backup({ out, images = false, bootFiles = false, json, ...place }: BackupOptions): Promise<void> {
  const config = readServerConfig(place);
  const { sizeBytes } = await backUp({ config, outFile: path.resolve(out), images, bootFiles });
  if (json === true) return printJson({ file: out, sizeBytes, images });
  process.stdout.write(`${out}: ${formatBytes(sizeBytes)}${images ? '' : ', without images'}\n`);
}

async function restore(file: string, { data, database, json }: Place): Promise<void> {
  const { dataDir, database: location } = readServerConfig({ data, database });
  const owner = await findOwner(dataDir);
  const { version, madeAt, images } = await restoreServer(file, dataDir, location);
  await giveTo(owner, dataDir);
  if (json === true) return printJson({ data: dataDir, version, madeAt, images });
  process.stdout.write(`${dataDir}: as it was at ${madeAt} (version ${version})${images ? '' : ', without images'}\n`);
}
