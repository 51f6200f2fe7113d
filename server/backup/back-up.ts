// A backup of the server itself in one file, made while it runs: database, CA, tokens and keys; images only if they are asked for.
import { chmod, mkdir, mkdtemp, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isS3Location } from '../../imaging/store/s3/location.ts';
import { DeployError } from '../../protocol/errors.ts';
import type { ServerConfig } from '../config.ts';
import { version } from '../version.ts';
import { copyDatabase } from './copy-database.ts';
import { labelName, writeLabel } from './label.ts';
import { runProgram } from './run-program.ts';

export type BackupOptions = {
  readonly config: Pick<ServerConfig, 'dataDir' | 'database' | 'storeLocation' | 'bootDir'>;
  readonly outFile: string;
  readonly images: boolean;
  readonly bootFiles: boolean;
};

/** Written by a running server for this very run, or made again from what is kept. */
const passing = /^(deploy-os\.sqlite(-wal|-shm|-journal)?|address|dnsmasq\.conf|\.ready-.*|.*\.tmp)$/;

/** @throws DeployError store-not-found, target-exists, usage, store-io */
export async function backUp({ config, outFile, images, bootFiles }: BackupOptions): Promise<{ sizeBytes: number }> {
  const { dataDir, storeLocation, bootDir } = config;
  if (images && isS3Location(storeLocation)) {
    throw new DeployError('usage', 'the images are in an S3 store, which is no part of this backup', {
      hint: 'Leave out --images, and use what the S3 service has for backups.',
    });
  }
  await requireServer(dataDir);
  const unfinished = await mkdtemp(`${outFile}.unfinished-`);
  try {
    const copy = path.join(unfinished, 'copy');
    await mkdir(copy, { mode: 0o700 });
    await copyDatabase(config.database, copy);
    await writeFile(path.join(copy, labelName), writeLabel({ version, database: config.database.kind, images }));
    const archive = path.join(unfinished, 'backup.tar');
    // The backup may be made in the data directory itself.
    const skipped = [outFile, unfinished, storeLocation, ...(bootFiles ? [] : [bootDir])].map((folder) =>
      path.resolve(folder),
    );
    const kept = (await readdir(dataDir)).filter(
      (name) => !passing.test(name) && !skipped.some((folder) => folder === path.join(dataDir, name)),
    );
    // An image is named in `images/` once all its chunks are there: what comes after it in the archive has them.
    const stored = images ? ['-C', path.dirname(path.resolve(storeLocation)), ...(await listStore(storeLocation))] : [];
    const base = images ? [`--transform=s,^${escapePattern(path.basename(storeLocation))}/,store/,`] : [];
    await runProgram(['tar', '-cf', archive, '--sparse', ...base, '-C', copy, '.', '-C', dataDir, ...kept, ...stored]);
    const sizeBytes = await settle(archive);
    await rename(archive, outFile);
    return { sizeBytes };
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function requireServer(dataDir: string): Promise<void> {
  const names = await readdir(dataDir).catch((): string[] => []);
  if (names.includes('operator-token') && names.includes('tls')) return;
  throw new DeployError('store-not-found', `${dataDir} is not a server's data directory`, {
    hint: 'Name the one of `deploy-os server --data DIR`.',
  });
}

/** Manifests before chunks; what is being written is left out. */
async function listStore(storeLocation: string): Promise<string[]> {
  const names = (await readdir(storeLocation)).filter((name) => name !== 'tmp' && !passing.test(name));
  const last = names.filter((name) => name === 'chunks');
  return [...names.filter((name) => name !== 'chunks'), ...last].map((name) =>
    path.join(path.basename(storeLocation), name),
  );
}

function escapePattern(text: string): string {
  return text.replaceAll(/[.[\]*^$\\,]/g, '\\$&');
}

/** Readable by its owner only, and on the disk. */
async function settle(file: string): Promise<number> {
  await chmod(file, 0o600);
  const handle = await open(file, 'r');
  try {
    await handle.sync();
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}
