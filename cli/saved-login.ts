// What `deploy-os login` keeps for the commands after it: where the server is, whom to believe, and the session's token.
import { mkdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { DeployError } from '../protocol/errors.ts';
import type { ServerAccess } from '../server/address-file.ts';
import { writePrivateFile } from '../server/tls/private-file.ts';

const schema = z.object({ url: z.string(), caFingerprint: z.string(), token: z.string() });

export function loginFile(): string {
  const base = process.env.XDG_CONFIG_HOME || path.join(homedir(), '.config');
  return path.join(base, 'deploy-os/login.json');
}

/** Null when nobody has logged in. @throws DeployError usage for a file that is damaged */
export async function readLogin(): Promise<ServerAccess | null> {
  const file = loginFile();
  const text = await readFile(file, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return null;
    throw thrown;
  });
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new DeployError('usage', `${file} is damaged`, { cause, hint: 'Log in again: deploy-os login' });
  }
}

export async function writeLogin(access: ServerAccess): Promise<void> {
  const file = loginFile();
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await writePrivateFile(file, `${JSON.stringify(access)}\n`);
}

export async function removeLogin(): Promise<void> {
  await rm(loginFile(), { force: true });
}
