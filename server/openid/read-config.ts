// The file that `--openid` names: checked at the start, so that a mistake in it is not found by the first who logs in.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { prettifyError } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import { type OpenIdFile, openIdCallbackPath, openIdFileSchema } from '../../protocol/openid.ts';

export type OpenIdConfig = Omit<OpenIdFile, 'clientSecretFile' | 'serverUrl'> & {
  readonly clientSecret: string | null;
  readonly callbackUrl: string;
  /** A provider on this very host, without TLS. */
  readonly plain: boolean;
};

/** @throws DeployError usage, naming the file */
export async function readOpenIdConfig(file: string): Promise<OpenIdConfig> {
  const { data, error } = openIdFileSchema.safeParse(parseJson(file, await read(file)));
  if (data === undefined) throw usage(`${file}: ${prettifyError(error)}`);
  const { clientSecretFile, serverUrl, ...rest } = data;
  if (!rest.scopes.includes('openid')) throw usage(`${file}: scopes must have 'openid'`);
  const { protocol, hostname } = new URL(rest.issuer);
  const plain = protocol === 'http:';
  if (plain && !['127.0.0.1', '[::1]', 'localhost'].includes(hostname)) throw usage(`${file}: issuer must be https`);
  const secretFile = clientSecretFile === undefined ? null : path.resolve(path.dirname(file), clientSecretFile);
  const clientSecret = secretFile === null ? null : (await read(secretFile)).trim();
  if (clientSecret === '') throw usage(`${secretFile} is empty`);
  return { ...rest, clientSecret, callbackUrl: new URL(openIdCallbackPath, serverUrl).href, plain };
}

async function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: Error) => {
    throw new DeployError('usage', `--openid: ${cause.message}`, { cause });
  });
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DeployError('usage', `${file} is no JSON`, { cause });
  }
}

function usage(message: string): DeployError {
  return new DeployError('usage', message);
}
