// A store seen by someone with a key: recipes put and get plain chunks and manifests by their digests, the store behind keeps sealed ones.
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { digestOf } from '../chunk/digest.ts';
import { freeMemory, ownedMemory } from '../chunk/memory.ts';
import { encodeChunk } from '../chunk/stored-chunk.ts';
import { WorkerPool } from '../chunk/worker-pool.ts';
import { encodeChunkList } from '../crypt/chunk-list.ts';
import { nameOfToken, type SealingKeys, tokenOf } from '../crypt/data-key.ts';
import { openChunk, sealChunk } from '../crypt/sealed-chunk.ts';
import { isSealedManifest, openManifest, parseStoredManifest, sealManifestWith } from '../crypt/sealed-manifest.ts';
import type { AskSecret, KeySecret } from '../crypt/secret.ts';
import { unlockDataKey } from '../crypt/unlock.ts';
import { parseManifest } from '../manifest/manifest.ts';
import {
  type ChunkStore,
  type Digest,
  isServed,
  type ManifestEntry,
  type ServedStore,
  type StoredChunk,
  type StoreStats,
} from './chunk-store.ts';
import { type ImagePart, imageParts } from './image-parts.ts';
import { manifestEntry } from './manifest-entry.ts';
import type { MaintainedStore, StoreMaintenance } from './store-maintenance.ts';

export type EncryptedStoreOptions = {
  /** Asked once, when an encrypted image is met or, with `encrypt`, when the first chunk is. */
  readonly askSecret: AskSecret;
  /**
   * Whether what is put is sealed: `as-read` once an encrypted image was read, so that what a restore saves of its target is no
   * plainer than what it restores. Encrypted images can be read in any case, and plain ones too.
   */
  readonly encrypt: boolean | 'as-read';
  readonly workers?: number;
};

/**
 * `store` with a key. Its operations throw, besides their own errors, key-needed and key-wrong.
 * Names are translated here; sealing and opening is done on worker threads, which start when first needed.
 */
export function openEncryptedStore(store: ChunkStore, options: EncryptedStoreOptions): ChunkStore {
  return new EncryptedStore(store, options);
}

/** Below this a hop to another thread costs more than the work. */
const smallBytes = 64 * 1024;

class EncryptedStore implements ChunkStore {
  readonly label: string;
  /** Who looks after a store needs no key. */
  readonly maintenance?: StoreMaintenance;
  readonly runOnServer?: ServedStore['runOnServer'];
  readonly #store: ChunkStore;
  readonly #options: EncryptedStoreOptions;
  #secret: Promise<KeySecret> | undefined;
  #ownKeys: Promise<SealingKeys> | undefined;
  /** By id of the data key; what reads go through. */
  readonly #opened = new Map<string, Promise<SealingKeys>>();
  #lastRead: SealingKeys | null = null;
  #pool: WorkerPool | undefined;

  constructor(store: ChunkStore & Partial<MaintainedStore>, options: EncryptedStoreOptions) {
    if (store.maintenance !== undefined) this.maintenance = store.maintenance;
    if (isServed(store)) this.runOnServer = (task, run) => store.runOnServer(task, run);
    this.#store = store;
    this.#options = options;
    this.label = store.label;
  }

  async findMissing(digests: readonly Digest[], signal?: AbortSignal): Promise<Digest[]> {
    const keys = await this.#keysToPut(signal);
    if (keys === null) return this.#store.findMissing(digests, signal);
    const names = digests.map((digest) => nameOf(keys, digest));
    const missing = new Set(await this.#store.findMissing(names, signal));
    return digests.filter((_, i) => missing.has(names[i] as Digest));
  }

  async putChunks(chunks: readonly StoredChunk[], signal?: AbortSignal): Promise<void> {
    const keys = await this.#keysToPut(signal);
    if (keys === null) return this.#store.putChunks(chunks, signal);
    const sealed = await Promise.all(
      chunks.map(async ({ digest, stored }) => ({
        digest: nameOf(keys, digest),
        stored: await this.#seal(keys, digest, stored),
      })),
    );
    await this.#store.putChunks(sealed, signal);
    for (const { stored } of sealed) freeMemory(stored);
  }

  /** A plain image beside encrypted ones has its chunks under their own digests. */
  async getChunk(digest: Digest, signal?: AbortSignal): Promise<Buffer> {
    await this.#keysToPut(signal);
    for (const opened of this.#opened.values()) {
      const keys = await opened;
      const sealed = await this.#find(nameOf(keys, digest), signal);
      if (sealed !== null) return this.#open(keys, nameOf(keys, digest), sealed);
    }
    return this.#store.getChunk(digest, signal);
  }

  async #find(name: Digest, signal: AbortSignal | undefined): Promise<Buffer | null> {
    return this.#store.getChunk(name, signal).catch((thrown: unknown) => {
      if (toDeployError(thrown).code === 'chunk-not-found') return null;
      throw thrown;
    });
  }

  flush(signal?: AbortSignal): Promise<void> {
    return this.#store.flush(signal);
  }

  async putManifest(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    const keys = await this.#keysToPut(signal);
    if (keys === null) return this.#store.putManifest(name, bytes, signal);
    manifestEntry(name, bytes);
    const lists = new Set<Digest>();
    // Whatever else it may be, it is not sealed yet.
    parseManifest(bytes);
    for (const part of imageParts(bytes))
      lists.add(await this.#putList(await this.#namesOf(keys, part, signal), signal));
    await this.#store.flush(signal);
    await this.#store.putManifest(name, sealManifestWith(keys, bytes, [...lists]), signal);
  }

  /** The sealed names that one segment needs, its own among them. */
  async #namesOf(keys: SealingKeys, part: ImagePart, signal: AbortSignal | undefined): Promise<Set<Digest>> {
    const getChunk: ChunkStore['getChunk'] = async (digest) => {
      const name = nameOf(keys, digest);
      return this.#open(keys, name, await this.#store.getChunk(name, signal));
    };
    const names = new Set(part.own.map((digest) => nameOf(keys, digest)));
    for (const { digest } of await part.chunks({ getChunk }, signal)) names.add(nameOf(keys, digest));
    return names;
  }

  async #putList(names: ReadonlySet<Digest>, signal: AbortSignal | undefined): Promise<Digest> {
    const list = encodeChunkList(names);
    const digest = digestOf(list);
    const missing = await this.#store.findMissing([digest], signal);
    if (missing.length > 0) await this.#store.putChunks([{ digest, stored: encodeChunk(list) }], signal);
    return digest;
  }

  /** The image's own manifest, whether the store's is sealed or not. @throws manifest-corrupt when the store gives another image's */
  async getManifest(name: string, signal?: AbortSignal): Promise<Buffer> {
    const bytes = await this.#store.getManifest(name, signal);
    const stored = parseStoredManifest(bytes);
    if (!isSealedManifest(stored)) return bytes;
    manifestEntry(name, bytes);
    return openManifest(await this.#keysToRead(stored.keyId, name, signal), bytes);
  }

  listManifests(signal?: AbortSignal): Promise<ManifestEntry[]> {
    return this.#store.listManifests(signal);
  }

  deleteManifest(name: string, signal?: AbortSignal): Promise<void> {
    return this.#store.deleteManifest(name, signal);
  }

  stats(signal?: AbortSignal): Promise<StoreStats> {
    return this.#store.stats(signal);
  }

  putKey(id: string, key: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#store.putKey(id, key, signal);
  }

  listKeys(signal?: AbortSignal): Promise<Buffer[]> {
    return this.#store.listKeys(signal);
  }

  deleteKey(id: string, signal?: AbortSignal): Promise<void> {
    return this.#store.deleteKey(id, signal);
  }

  async close(): Promise<void> {
    await this.#pool?.close();
    await this.#store.close();
  }

  async openKeys(signal?: AbortSignal): Promise<ReadonlySet<string>> {
    await this.#keysToPut(signal);
    return new Set(this.#opened.keys());
  }

  async #keysToPut(signal: AbortSignal | undefined): Promise<SealingKeys | null> {
    if (this.#options.encrypt === false) return null;
    if (this.#options.encrypt === 'as-read') return this.#lastRead;
    this.#ownKeys ??= this.#unlock(undefined, `to encrypt images in ${this.label}`, signal).then((keys) => {
      this.#opened.set(keys.id, Promise.resolve(keys));
      return keys;
    });
    // What failed (the server was away, say) may be tried again.
    this.#ownKeys.catch(() => {
      this.#ownKeys = undefined;
    });
    return this.#ownKeys;
  }

  async #keysToRead(dataKeyId: string, imageName: string, signal: AbortSignal | undefined): Promise<SealingKeys> {
    const opened = this.#opened.get(dataKeyId) ?? this.#unlock(dataKeyId, `to read '${imageName}'`, signal);
    this.#opened.set(dataKeyId, opened);
    opened.catch(() => this.#opened.delete(dataKeyId));
    this.#lastRead = await opened;
    return this.#lastRead;
  }

  async #unlock(dataKeyId: string | undefined, purpose: string, signal: AbortSignal | undefined): Promise<SealingKeys> {
    this.#secret ??= this.#ask(purpose);
    const options = { ...(dataKeyId === undefined ? {} : { dataKeyId }), ...(signal === undefined ? {} : { signal }) };
    return (await unlockDataKey(this.#store, await this.#secret, options)).keys;
  }

  async #ask(purpose: string): Promise<KeySecret> {
    const secret = await this.#options.askSecret(purpose);
    if (secret !== null) return secret;
    throw new DeployError('key-needed', `a key is needed ${purpose}, and none was given`, {
      hint: 'Give --key-file, --passphrase-file or DEPLOY_OS_PASSPHRASE. Without the key or the passphrase nobody can read it.',
    });
  }

  async #seal(keys: SealingKeys, digest: Digest, stored: Uint8Array): Promise<Uint8Array> {
    if (stored.length < smallBytes) return sealChunk(keys, digest, stored);
    // The caller's memory stays the caller's: what is sent along whole would be gone.
    const { stored: sealed } = await this.#workers().lease(({ ask }) =>
      ask('sealChunk', { keys, digest, stored: ownedMemory(stored).length > 0 ? stored : Uint8Array.from(stored) }),
    );
    return sealed;
  }

  async #open(keys: SealingKeys, name: Digest, sealed: Buffer): Promise<Buffer> {
    if (sealed.length < smallBytes) return Buffer.from(openChunk(keys, name, sealed).buffer);
    const { stored } = await this.#workers().lease(({ ask }) =>
      ask('openChunk', { keys, name, stored: sealed }, ownedMemory(sealed)),
    );
    return Buffer.from(stored.buffer as ArrayBuffer, stored.byteOffset, stored.byteLength);
  }

  #workers(): WorkerPool {
    this.#pool ??= new WorkerPool({ device: null, chunkSizeBytes: 1 }, this.#options.workers);
    return this.#pool;
  }
}

function nameOf(keys: SealingKeys, digest: Digest): Digest {
  return nameOfToken(tokenOf(keys, digest));
}
