// The command line's way to a server's REST API: where it is, whom to believe, and answers checked against their schemas.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { z } from 'zod';
import { HttpsClient } from '../imaging/store/https-client.ts';
import { fetchPinnedCa } from '../imaging/store/pinned-ca.ts';
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { readServerAccess, type ServerAccess } from '../server/address-file.ts';

export type ConnectOptions = {
  readonly server?: string;
  readonly ca?: string;
  readonly token?: string;
  readonly data?: string;
  readonly json?: boolean;
};

const maxAnswerBytes = 64 * 1024 * 1024;
const retryMs = 500;

/** Adds the flags that say which server is meant, and `--json`. */
export function withServerOptions(command: Command, { token = true } = {}): Command {
  command
    .option('--server <url>', 'https://ADDRESS:PORT (or DEPLOY_OS_SERVER)')
    .option('--ca <fingerprint>', "sha256:… of the server's CA, as its start shows it (or DEPLOY_OS_CA)");
  if (token)
    command.option(
      '--token <token>',
      'operator token (or DEPLOY_OS_TOKEN, which other users of this machine cannot see)',
    );
  return command
    .option('--data <dir>', "on the server's own machine: its data directory says all three (or DEPLOY_OS_DATA)")
    .option('--json', 'print JSON');
}

export type ServerClient = {
  /** @throws DeployError what the server answered, server-unreachable, server-untrusted, server-error (not as the schema says). */
  call<T>(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, schema: z.ZodType<T>, body?: unknown): Promise<T>;
  close(): void;
};

/** `retryForMs`: how long a server may be away, as during its restart. */
export async function connect(options: ConnectOptions, retryForMs = 3000): Promise<ServerClient> {
  const { url, caFingerprint, token } = await findServer(options);
  const { ca } = await fetchCa(url, caFingerprint, performance.now() + retryForMs);
  const headers = { authorization: `Bearer ${token}` };
  const client = new HttpsClient({
    url,
    ca,
    headers,
    retryForMs,
    maxSockets: 2,
    onOutage: (message) => process.stderr.write(`\n${message}\n`),
  });
  return {
    async call(method, path, schema, body) {
      const parts = body === undefined ? {} : { body: [Buffer.from(JSON.stringify(body))] };
      const answer = await client.call({ method, path, ...parts, contentType: 'application/json', maxAnswerBytes });
      return parseAnswer(schema, answer, `${method} ${path}`);
    },
    close: () => client.close(),
  };
}

async function fetchCa(url: string, fingerprint: string, deadlineMs: number): Promise<{ ca: string }> {
  for (;;) {
    try {
      return await fetchPinnedCa(url, fingerprint);
    } catch (thrown) {
      if (toDeployError(thrown).code !== 'server-unreachable' || performance.now() > deadlineMs) throw thrown;
      await sleep(retryMs);
    }
  }
}

/** One call on a connection of its own. */
export async function callOnce<T>(
  options: ConnectOptions,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  schema: z.ZodType<T>,
  body?: unknown,
): Promise<T> {
  const client = await connect(options);
  try {
    return await client.call(method, path, schema, body);
  } finally {
    client.close();
  }
}

/** The data directory of a server on this machine; undefined when another one is meant. */
export function dataDirOf({ data, server }: ConnectOptions): string | undefined {
  return data ?? (server === undefined ? process.env.DEPLOY_OS_DATA : undefined);
}

/** Without `token` none is asked for, and an empty one may be the answer. @throws DeployError usage */
export async function findServer(options: ConnectOptions, { token = true } = {}): Promise<ServerAccess> {
  const env = process.env;
  const data = dataDirOf(options);
  const local = data === undefined ? undefined : await readServerAccess(data);
  return {
    url: required('--server', 'DEPLOY_OS_SERVER', options.server ?? local?.url ?? env.DEPLOY_OS_SERVER),
    caFingerprint: required('--ca', 'DEPLOY_OS_CA', options.ca ?? local?.caFingerprint ?? env.DEPLOY_OS_CA),
    token: token ? required('--token', 'DEPLOY_OS_TOKEN', options.token ?? local?.token ?? env.DEPLOY_OS_TOKEN) : '',
  };
}

function required(flag: string, variable: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  throw new DeployError('usage', `which server? ${flag} is missing`, {
    hint: `Give ${flag} or set ${variable}; on the server's own machine --data DIR is enough.`,
  });
}

function parseAnswer<T>(schema: z.ZodType<T>, answer: Buffer, what: string): T {
  try {
    return schema.parse(answer.length === 0 ? undefined : JSON.parse(answer.toString()));
  } catch (cause) {
    throw new DeployError('server-error', `${what}: the answer is not what docs/protocol.md says`, {
      cause,
      hint: 'Is the command line of the same version as the server?',
    });
  }
}
