// Passwords of BMCs: sealed in the database with a key that is not in it (decision 043).
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import { writePrivateFile } from '../tls/private-file.ts';

const algorithm = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

export type SecretKey = { readonly id: string; readonly bytes: Buffer; readonly filePath: string };

/** `dataDir/secrets.key`, made when there is none. @throws DeployError invalid-input for a file that is no key */
export async function openSecretKey(dataDir: string): Promise<SecretKey> {
  const filePath = path.join(dataDir, 'secrets.key');
  const present = await readFile(filePath, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return null;
    throw thrown;
  });
  const text = present?.trim() ?? randomBytes(keyBytes).toString('base64');
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== keyBytes) {
    throw new DeployError('invalid-input', `${filePath} is not a key of this server: 32 bytes in base64 are wanted`, {
      hint: 'Put the file back from a backup. Without it, remove it and set the passwords of power drivers again.',
    });
  }
  if (present === null) await writePrivateFile(filePath, `${text}\n`);
  return { id: createHash('sha256').update(bytes).digest('hex').slice(0, 16), bytes, filePath };
}

/** `about` is what the secret belongs to: it opens nowhere else, nor after that was changed. */
export function sealSecret(key: SecretKey, secret: string, about: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key.bytes, nonce).setAAD(Buffer.from(about));
  const sealed = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `1:${key.id}:${sealed.toString('base64')}`;
}

/** @throws DeployError power-failed when another server's key has sealed it, or it was tampered with */
export function openSecret(key: SecretKey, sealed: string, about: string): string {
  const [, keyId, base64 = ''] = /^1:([0-9a-f]{16}):([0-9A-Za-z+/=]+)$/.exec(sealed) ?? [];
  if (keyId !== key.id) {
    throw new DeployError('power-failed', `the password was sealed with another key than ${key.filePath}`, {
      hint: "Servers on one database need one key: copy secrets.key from the other's data directory, or set the password again.",
    });
  }
  const bytes = Buffer.from(base64, 'base64');
  try {
    const decipher = createDecipheriv(algorithm, key.bytes, bytes.subarray(0, nonceBytes));
    decipher.setAAD(Buffer.from(about)).setAuthTag(bytes.subarray(-tagBytes));
    return decipher.update(bytes.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
  } catch (cause) {
    throw new DeployError('power-failed', 'the password in the database is not the one that this server put there', {
      cause,
      hint: 'Set it again.',
    });
  }
}
