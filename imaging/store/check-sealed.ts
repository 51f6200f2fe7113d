// The other half of a check with a key, of a store that a server keeps: what the key sealed is fetched as it lies there, and opened
// on this machine, which the key does not leave.
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { BoundedTasks } from '../chunk/bounded-tasks.ts';
import { ownedMemory } from '../chunk/memory.ts';
import { WorkerPool } from '../chunk/worker-pool.ts';
import type { SealingKeys } from '../crypt/data-key.ts';
import { isSealedManifest, openManifest, parseStoredManifest } from '../crypt/sealed-manifest.ts';
import { asDamage, CheckReport, readImageFacts } from './check-report.ts';
import { type CheckStoreOptions, type CheckStoreResult, isInPart, wholeStore } from './check-request.ts';
import { ChunkList } from './chunk-list.ts';
import type { ChunkStore, Digest, ManifestEntry } from './chunk-store.ts';
import { DigestMap } from './digest-map.ts';
import { imageParts } from './image-parts.ts';

type Store = Pick<ChunkStore, 'listManifests' | 'getManifest' | 'getChunk'>;
type Options = CheckStoreOptions & { readonly keys: SealingKeys };

/** `found`, what the server's own check has found, and what only the key tells. `store` as it is kept: no key in between. @throws cancelled, server-… */
export async function checkSealed(store: Store, options: Options, found: CheckStoreResult): Promise<CheckStoreResult> {
  const report = new CheckReport(found);
  const check = new SealedCheck(store, options, report);
  await check.run(found.checkedBytes);
  return { ...found, ...report.findings() };
}

class SealedCheck {
  readonly #store: Store;
  readonly #options: Options;
  readonly #report: CheckReport;
  /** What cannot be opened. Named in the report if an image still needs it after all was read: it may have been deleted meanwhile. */
  readonly #bad = new Map<Digest, DeployError>();
  /** Names of the images that the key opens. */
  readonly #images: string[] = [];

  constructor(store: Store, options: Options, report: CheckReport) {
    this.#store = store;
    this.#options = options;
    this.#report = report;
  }

  /** `checkedBytes`: what was read before, for the progress. */
  async run(checkedBytes: number): Promise<void> {
    const names = await this.#readImages();
    await this.#openChunks(names, checkedBytes);
    if (this.#bad.size > 0) await this.#findUses();
  }

  /** The names of all chunks in question, once each. */
  async #readImages(): Promise<{ list: ChunkList; count: number }> {
    const { part = wholeStore, signal } = this.#options;
    const known = new DigestMap();
    const names = { list: new ChunkList(), count: 0 };
    for (const entry of await this.#store.listManifests(signal)) {
      const bytes = await this.#openManifest(entry);
      for (const { own, chunks } of bytes === null ? [] : imageParts(bytes)) {
        const [list = ''] = own;
        if (known.has(list)) continue;
        known.set(list, 0);
        for (const { digest } of await this.#unlessDamaged(list, () => chunks(this.#store, signal))) {
          if (known.has(digest) || !isInPart(part, digest)) continue;
          known.set(digest, 0);
          names.list.push({ digest, storedBytes: 0 });
          names.count++;
        }
      }
    }
    return names;
  }

  /** The image's manifest as stored; null if it is gone, another key's, no encrypted one, or damaged, which is noted. */
  async #openManifest({ name, keyId }: ManifestEntry): Promise<Buffer | null> {
    const { keys, signal } = this.#options;
    try {
      const bytes = await this.#store.getManifest(name, signal);
      const manifest = parseStoredManifest(bytes);
      const stored = isSealedManifest(manifest) ? manifest.keyId : undefined;
      if (manifest.name !== name || stored !== keyId) {
        throw new DeployError('manifest-corrupt', 'the manifest is not the one that is listed');
      }
      if (stored !== keys.id) return null;
      openManifest(keys, bytes);
      this.#images.push(name);
      return bytes;
    } catch (thrown) {
      if (toDeployError(thrown).code !== 'image-not-found') {
        this.#report.note(asDamage(thrown).during(`reading '${name}'`), null);
      }
      return null;
    }
  }

  async #unlessDamaged<Item>(digest: Digest, read: () => Promise<Iterable<Item>>): Promise<Iterable<Item>> {
    try {
      return await read();
    } catch (thrown) {
      this.#bad.set(digest, asDamage(thrown));
      return [];
    }
  }

  async #openChunks({ list, count }: { list: ChunkList; count: number }, checkedBytes: number): Promise<void> {
    const { keys, signal, workers, onProgress } = this.#options;
    const pool = new WorkerPool({ device: null, chunkSizeBytes: 4096 }, workers);
    // As many again are on their way here.
    const tasks = new BoundedTasks(2 * pool.size, signal);
    let [chunks, bytes] = [0, 0];
    const open = async (digest: Digest) => {
      const stored = await this.#store.getChunk(digest, signal);
      bytes += stored.length;
      const bytesTotal = checkedBytes + Math.round((bytes / ++chunks) * count);
      onProgress?.({ phase: 'verify', bytesDone: checkedBytes + bytes, bytesTotal, bytesTransferred: bytes });
      const request = { digest, stored, lengthBytes: null, keys };
      await pool.lease(({ ask }) => ask('checkChunk', request, ownedMemory(stored)));
      return [];
    };
    try {
      try {
        for (const batch of list.batches(1000)) {
          for (const { digest } of batch) {
            await tasks.start(async () => void (await this.#unlessDamaged(digest, () => open(digest))));
          }
        }
      } finally {
        await tasks.finish();
      }
    } finally {
      await pool.close();
    }
  }

  /** Goes through the images once more. What the server has found too has its uses already. */
  async #findUses(): Promise<void> {
    for (const digest of [...this.#bad.keys()]) if (this.#report.has(digest)) this.#bad.delete(digest);
    for (const name of this.#images) {
      try {
        await this.#findUsesIn(await this.#store.getManifest(name, this.#options.signal));
      } catch (thrown) {
        if (toDeployError(thrown).code !== 'image-not-found') asDamage(thrown);
      }
    }
  }

  async #findUsesIn(bytes: Buffer): Promise<void> {
    const image = readImageFacts(bytes);
    const use = (digest: Digest) => {
      const error = this.#bad.get(digest);
      if (error === undefined) return;
      this.#report.note(error, digest);
      this.#report.addUse(image, { digest, place: null });
    };
    for (const { own, chunks } of imageParts(bytes)) {
      own.forEach(use);
      if (own.some((digest) => this.#bad.has(digest))) continue;
      for (const { digest } of await chunks(this.#store, this.#options.signal)) use(digest);
    }
  }
}
