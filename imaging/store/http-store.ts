// The store behind a Deploy-OS server: chunks and manifests over HTTPS (docs/protocol.md, "Data"), for the agent and for the command line.
import type { OutgoingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { DeployError, fromErrorBody } from '../../protocol/errors.ts';
import { maxStoredBytes } from '../chunk/stored-chunk.ts';
import { maxKeyObjectBytes, maxKeyObjects } from '../crypt/key-object.ts';
import type { ProgressPhase, RunOptions } from '../progress.ts';
import { encodeChunkBatch } from './chunk-batch.ts';
import type { ChunkStore, Digest, ManifestEntry, ServerTask, StoredChunk, StoreStats } from './chunk-store.ts';
import { HttpsClient } from './https-client.ts';

export type HttpStoreOptions = {
  /** `https://HOST:PORT` */
  readonly url: string;
  /** See https-client.ts. */
  readonly currentUrl?: (() => string) | undefined;
  /** The server's CA certificate, PEM; pinned-ca.ts fetches it. */
  readonly ca: string;
  /** `authorization`, and for an agent `deploy-boot-id`. */
  readonly headers: OutgoingHttpHeaders;
  /** How long a server may be away before an operation fails with server-unreachable; 15 minutes unless told. */
  readonly retryForMs?: number | undefined;
  /** Connections at once; more requests wait for one. */
  readonly maxSockets?: number | undefined;
  readonly onOutage?: ((message: string) => void) | undefined;
  /** Called when the server is reached by another way: see https-client.ts. */
  readonly moveListeners?: Set<() => void> | undefined;
};

/** Uploads larger than this are split over several connections; smaller ones cost more requests a byte. */
const bodyBytes = 8 * 1024 * 1024;
/** Digests asked for in one request. */
const digestsPerRequest = 16_384;
const maxManifestBytes = 512 * 1024 * 1024;
const maxListBytes = 64 * 1024 * 1024;
/** Flushing and committing wait for the server's disk. */
const slowTimeoutMs = 600_000;

const missingAnswer = z.object({ missing: z.array(z.string()) });
const manifestEntries = z.array(
  z.object({
    id: z.string(),
    name: z.string(),
    sizeBytes: z.number(),
    createdAt: z.string(),
    keyId: z.string().exactOptional(),
    parentId: z.string().exactOptional(),
  }),
);
const keysAnswer = z.object({ keys: z.array(z.base64()).max(maxKeyObjects) });
const figure = z.number();
/** One line of a task's answer; the last one has the result or the error. */
const taskLine = z.object({
  progress: z
    .object({
      ...{ bytesDone: figure, bytesTotal: figure, bytesTransferred: figure },
      phase: z.custom<ProgressPhase>((phase) => typeof phase === 'string'),
    })
    .optional(),
  warning: z.string().optional(),
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }).optional(),
  result: z.unknown().optional(),
});
type TaskLine = z.infer<typeof taskLine>;
const storeStats = z.object({ images: z.number(), chunks: z.number(), storedBytes: z.number() });

/** A store over HTTPS. Nothing is sent before the first operation, each of which is retried as docs/protocol.md says. */
export async function openHttpStore(options: HttpStoreOptions): Promise<ChunkStore> {
  const url = options.url.replace(/\/+$/, '');
  return new HttpStore(
    url,
    new HttpsClient({
      ...options,
      url,
      retryForMs: options.retryForMs ?? 15 * 60_000,
      maxSockets: options.maxSockets ?? 6,
    }),
  );
}

class HttpStore implements ChunkStore {
  readonly label: string;
  readonly #client: HttpsClient;

  constructor(label: string, client: HttpsClient) {
    this.label = label;
    this.#client = client;
  }

  async findMissing(digests: readonly Digest[], signal?: AbortSignal): Promise<Digest[]> {
    const slices = [];
    for (let i = 0; i < digests.length; i += digestsPerRequest) slices.push(digests.slice(i, i + digestsPerRequest));
    return (await Promise.all(slices.map((slice) => this.#findMissingOf(slice, signal)))).flat();
  }

  async #findMissingOf(digests: readonly Digest[], signal: AbortSignal | undefined): Promise<Digest[]> {
    const answer = await this.#client.call({
      method: 'POST',
      path: '/v1/chunks/missing',
      body: [Buffer.from(JSON.stringify({ digests }))],
      contentType: 'application/json',
      maxAnswerBytes: 70 * digests.length + 1024,
      signal,
    });
    const missing = new Set(parseAnswer(missingAnswer, answer, 'POST /v1/chunks/missing').missing);
    return digests.filter((digest) => missing.has(digest));
  }

  async putChunks(chunks: readonly StoredChunk[], signal?: AbortSignal): Promise<void> {
    await Promise.all(
      splitIntoBodies(chunks).map((some) =>
        this.#client.call({
          method: 'POST',
          path: '/v1/chunks',
          body: encodeChunkBatch(some),
          maxAnswerBytes: 1024,
          signal,
        }),
      ),
    );
  }

  getChunk(digest: Digest, signal?: AbortSignal): Promise<Buffer> {
    return this.#client.call({ method: 'GET', path: `/v1/chunks/${digest}`, maxAnswerBytes: maxStoredBytes, signal });
  }

  async flush(signal?: AbortSignal): Promise<void> {
    await this.#client.call({
      method: 'POST',
      path: '/v1/chunks/flush',
      body: [],
      maxAnswerBytes: 1024,
      idleTimeoutMs: slowTimeoutMs,
      signal,
    });
  }

  async putManifest(name: string, manifest: Uint8Array, signal?: AbortSignal): Promise<void> {
    await this.#client.call({
      method: 'PUT',
      path: imagePath(name),
      body: [manifest],
      maxAnswerBytes: 64 * 1024,
      idleTimeoutMs: slowTimeoutMs,
      signal,
    });
  }

  getManifest(name: string, signal?: AbortSignal): Promise<Buffer> {
    return this.#client.call({
      method: 'GET',
      path: `${imagePath(name)}/manifest`,
      maxAnswerBytes: maxManifestBytes,
      signal,
    });
  }

  async listManifests(signal?: AbortSignal): Promise<ManifestEntry[]> {
    const answer = await this.#client.call({ method: 'GET', path: '/v1/images', maxAnswerBytes: maxListBytes, signal });
    return parseAnswer(manifestEntries, answer, 'GET /v1/images');
  }

  async deleteManifest(name: string, signal?: AbortSignal): Promise<void> {
    await this.#client.call({ method: 'DELETE', path: imagePath(name), maxAnswerBytes: 64 * 1024, signal });
  }

  async stats(signal?: AbortSignal): Promise<StoreStats> {
    const answer = await this.#client.call({
      method: 'GET',
      path: '/v1/store/stats',
      maxAnswerBytes: 64 * 1024,
      signal,
    });
    return parseAnswer(storeStats, answer, 'GET /v1/store/stats');
  }

  async putKey(id: string, key: Uint8Array, signal?: AbortSignal): Promise<void> {
    await this.#client.call({ method: 'PUT', path: keyPath(id), body: [key], maxAnswerBytes: 64 * 1024, signal });
  }

  async listKeys(signal?: AbortSignal): Promise<Buffer[]> {
    const maxAnswerBytes = 2 * maxKeyObjects * maxKeyObjectBytes;
    const answer = await this.#client.call({ method: 'GET', path: '/v1/keys', maxAnswerBytes, signal });
    return parseAnswer(keysAnswer, answer, 'GET /v1/keys').keys.map((key) => Buffer.from(key, 'base64'));
  }

  async deleteKey(id: string, signal?: AbortSignal): Promise<void> {
    await this.#client.call({ method: 'DELETE', path: keyPath(id), maxAnswerBytes: 64 * 1024, signal });
  }

  async runOnServer<Result>({ name, asked, answer }: ServerTask<Result>, run: RunOptions): Promise<Result> {
    const path = `/v1/store/${name}`;
    let last: TaskLine = {};
    await this.#client.call({
      method: 'POST',
      path,
      body: [Buffer.from(JSON.stringify(asked))],
      contentType: 'application/json',
      maxAnswerBytes: maxListBytes,
      signal: run.signal,
      onLine: (line) => {
        last = parseAnswer(taskLine, line, `POST ${path}`);
        if (last.progress !== undefined) run.onProgress?.(last.progress);
        if (last.warning !== undefined) run.onWarning?.(last.warning);
      },
    });
    if (last.error !== undefined) throw fromErrorBody(last.error);
    return parseAnswer(answer, JSON.stringify(last.result ?? null), `POST ${path}`);
  }

  async close(): Promise<void> {
    this.#client.close();
  }
}

function imagePath(name: string): string {
  return `/v1/images/${encodeURIComponent(name)}`;
}

function keyPath(id: string): string {
  return `/v1/keys/${encodeURIComponent(id)}`;
}

/** Runs of chunks of about `bodyBytes` each; a chunk larger than that goes alone. */
function splitIntoBodies(chunks: readonly StoredChunk[]): StoredChunk[][] {
  const bodies: StoredChunk[][] = [];
  let lengthBytes = Number.POSITIVE_INFINITY;
  for (const chunk of chunks) {
    if (lengthBytes + chunk.stored.length > bodyBytes) {
      bodies.push([]);
      lengthBytes = 0;
    }
    bodies.at(-1)?.push(chunk);
    lengthBytes += chunk.stored.length;
  }
  return bodies;
}

function parseAnswer<T>(schema: z.ZodType<T>, answer: Buffer | string, what: string): T {
  try {
    return schema.parse(JSON.parse(answer.toString()));
  } catch (cause) {
    throw new DeployError('server-error', `${what}: the answer is not what docs/protocol.md says`, { cause });
  }
}
