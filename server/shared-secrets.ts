// What several servers on one PostgreSQL have in common: the CA, so that agents trust each of them, and the operator token. Sealed in the
// database with `secrets.key`, which whoever sets up a second server copies from the first (decision 042).
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { DeployError, toDeployError } from '../protocol/errors.ts';
import type { Database } from './database/schema.ts';
import { openSecret, openSecretKey, type SecretKey, sealSecret } from './power/secrets.ts';
import { openAuthority } from './tls/authority.ts';
import { writePrivateFile } from './tls/private-file.ts';
import { readOperatorToken } from './tokens/operator-token.ts';

const setting = 'sharedSecrets';

const secretsSchema = z.object({ caKeyPem: z.string(), caPem: z.string(), operatorToken: z.string() });
type Secrets = z.infer<typeof secretsSchema>;

/**
 * Makes the files of this data directory those that the servers on the database have in common; the first server's become that.
 * @throws DeployError key-needed, key-wrong when `secrets.key` is not that of the others
 */
export async function shareSecrets(db: Database, dataDir: string, names: readonly string[]): Promise<void> {
  const shared = (await readShared(db)) ?? (await share(db, dataDir, names));
  const secrets = openShared(await requireKey(dataDir), shared);
  const folder = path.join(dataDir, 'tls');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // The certificate is what makes a pair complete (tls/authority.ts), so it comes last.
  await writeIfOther(path.join(folder, 'ca.key'), secrets.caKeyPem);
  await writeIfOther(path.join(folder, 'ca.pem'), secrets.caPem);
  await writeIfOther(path.join(dataDir, 'operator-token'), `${secrets.operatorToken}\n`);
}

async function readShared(db: Database): Promise<string | undefined> {
  return (await db.selectFrom('settings').select('value').where('name', '=', setting).executeTakeFirst())?.value;
}

/** Of servers that start at once on an empty database, one is the first. */
async function share(db: Database, dataDir: string, names: readonly string[]): Promise<string> {
  const key = await openSecretKey(dataDir);
  const { caPem } = await openAuthority(dataDir, names);
  const caKeyPem = await readFile(path.join(dataDir, 'tls', 'ca.key'), 'utf8');
  const { token } = await readOperatorToken(dataDir);
  const secrets: Secrets = { caKeyPem, caPem, operatorToken: token };
  const value = sealSecret(key, JSON.stringify(secrets), setting);
  await db
    .insertInto('settings')
    .values({ name: setting, value })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
  return (await readShared(db)) ?? value;
}

async function requireKey(dataDir: string): Promise<SecretKey> {
  const filePath = path.join(dataDir, 'secrets.key');
  if ((await readIfThere(filePath)) !== null) return openSecretKey(dataDir);
  throw new DeployError(
    'key-needed',
    `the servers on this database share a CA, and ${filePath} to open it is missing`,
    {
      hint: 'Copy secrets.key from the data directory of a server that runs on this database, or from its backup.',
    },
  );
}

function openShared(key: SecretKey, shared: string): Secrets {
  try {
    return secretsSchema.parse(JSON.parse(openSecret(key, shared, setting)));
  } catch (cause) {
    throw new DeployError('key-wrong', `the servers on this database share a CA that ${key.filePath} does not open`, {
      cause: toDeployError(cause),
      hint: 'Copy secrets.key from the data directory of a server that runs on this database, over this one.',
    });
  }
}

async function writeIfOther(filePath: string, text: string): Promise<void> {
  if ((await readIfThere(filePath)) !== text) await writePrivateFile(filePath, text);
}

async function readIfThere(filePath: string): Promise<string | null> {
  return readFile(filePath, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return null;
    throw thrown;
  });
}
