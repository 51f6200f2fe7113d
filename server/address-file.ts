// Where the server of a data directory is reached, for the command line on the same machine (`--data DIR`).
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { DeployError } from '../protocol/errors.ts';
import { fingerprintOf } from './tls/fingerprint.ts';
import { writePrivateFile } from './tls/private-file.ts';

export type ServerAccess = { readonly url: string; readonly caFingerprint: string; readonly token: string };

export async function writeAddressFile(dataDir: string, url: string): Promise<void> {
  await writePrivateFile(path.join(dataDir, 'address'), `${url}\n`);
}

/** @throws DeployError store-not-found when no server was started on the directory, or it is not ours to read. */
export async function readServerAccess(dataDir: string): Promise<ServerAccess> {
  const read = (name: string): Promise<string> => readFile(path.join(dataDir, name), 'utf8');
  try {
    const [url, token, ca] = await Promise.all([read('address'), read('operator-token'), read('tls/ca.pem')]);
    return { url: url.trim(), token: token.trim(), caFingerprint: fingerprintOf(ca) };
  } catch (cause) {
    throw new DeployError(
      'store-not-found',
      `${dataDir} is not a server's data directory: ${(cause as Error).message}`,
      {
        cause,
        hint: `Start one with: deploy-os server --data ${dataDir}`,
      },
    );
  }
}
