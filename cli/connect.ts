// The command line's way to a server's REST API: where it is, whom to believe, and answers checked against their schemas.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { z } from 'zod';
import { HttpsClient } from '../imaging/store/https-client.ts';
import { fetchPinnedCa } from '../imaging/store/pinned-ca.ts';
import { DeployError, toDeployError } from '../protocol/errors.ts';
import type { WatchRequest } from '../protocol/events.ts';
import { readServerAccess, type ServerAccess } from '../server/address-file.ts';
import { LiveEvents } from './live-events.ts';
import { readLogin } from './saved-login.ts';

export type ConnectOptions = {
  readonly server?: string;
  readonly ca?: string;
  readonly token?: string;
  readonly data?: string;
  readonly json?: boolean;
};

const maxAnswerBytes = 64 * 1024 * 1024;
const retryMs = 500;
const defaultRetryForMs = 3000;

/** Adds the flags that say which server is meant, and `--json`. */
export function withServerOptions(command: Command, { token = true } = {}): Command {
  command
    .option('--server <url>', 'https://ADDRESS:PORT (or DEPLOY_OS_SERVER)')
    .option('--ca <fingerprint>', "sha256:… of the server's CA, as its start shows it (or DEPLOY_OS_CA)");
  if (token)
    command.option(
      '--token <token>',
      'token of a user, or the operator token (or DEPLOY_OS_TOKEN, which other users of this machine cannot see)',
    );
  return command
    .option('--data <dir>', "on the server's own machine: its data directory says all three (or DEPLOY_OS_DATA)")
    .option('--json', 'print JSON');
}

export type ServerClient = {
  /** @throws DeployError what the server answered, server-unreachable, server-untrusted, server-error (not as the schema says). */
  call<T>(...call: Call<T>): Promise<T>;
  /** To be closed by itself. */
  listen(watch: Partial<WatchRequest>): LiveEvents;
  close(): void;
};

/** `retryForMs`: how long a server may be away, as during its restart. */
export async function connect(options: ConnectOptions, retryForMs = defaultRetryForMs): Promise<ServerClient> {
  return connectTo(await findServer(options), retryForMs);
}

async function connectTo({ url, caFingerprint, token }: ServerAccess, retryForMs: number): Promise<ServerClient> {
  const { ca } = await fetchCa(url, caFingerprint, performance.now() + retryForMs);
  const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` };
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
    listen: (watch) => new LiveEvents({ url, ca, headers }, watch),
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

type Call<T> = [
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  schema: z.ZodType<T>,
  body?: unknown,
];

/** One call on a connection of its own. */
export async function callOnce<T>(options: ConnectOptions, ...call: Call<T>): Promise<T> {
  return callWith(await findServer(options), ...call);
}

/** The same with a server that is known; an empty token is none. */
export async function callWith<T>(access: ServerAccess, ...call: Call<T>): Promise<T> {
  const client = await connectTo(access, defaultRetryForMs);
  try {
    return await client.call(...call);
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
  const named = options.server ?? local?.url ?? env.DEPLOY_OS_SERVER;
  // What `deploy-os login` has kept is of its own server.
  const saved = named === undefined ? await readLogin() : null;
  return {
    url: required('--server', 'DEPLOY_OS_SERVER', named ?? saved?.url),
    caFingerprint: required(
      '--ca',
      'DEPLOY_OS_CA',
      options.ca ?? local?.caFingerprint ?? env.DEPLOY_OS_CA ?? saved?.caFingerprint,
    ),
    token: token
      ? required('--token', 'DEPLOY_OS_TOKEN', options.token ?? local?.token ?? env.DEPLOY_OS_TOKEN ?? saved?.token)
      : '',
  };
}

function required(flag: string, variable: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  throw new DeployError('usage', `which server? ${flag} is missing`, {
    hint: `Log in with deploy-os login, give ${flag} or set ${variable}; on the server's own machine --data DIR is enough.`,
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
