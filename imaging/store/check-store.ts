// Reads everything in a store, or a part of it: every manifest, every chunk, and whether each image finds what it names.
import { BoundedTasks } from '../chunk/bounded-tasks.ts';
import { ownedMemory } from '../chunk/memory.ts';
import { WorkerPool } from '../chunk/worker-pool.ts';
import { checkSealedManifest } from '../crypt/sealed-manifest.ts';
import { checkOnServer } from './check-on-server.ts';
import { asDamage, CheckReport, readImageFacts } from './check-report.ts';
import { type CheckStoreOptions, type CheckStoreResult, isInPart, wholeStore } from './check-request.ts';
import { type ChunkStore, type Digest, isServed } from './chunk-store.ts';
import { DigestMap } from './digest-map.ts';
import { type ImagePart, imageParts } from './image-parts.ts';
import { putBackWhole } from './put-back-whole.ts';
import { maintenanceOf, type StoreMaintenance } from './store-maintenance.ts';

/** Chunks in a row that cannot be read before the store, and not the chunks, counts as broken. */
const maxFailuresInARow = 20;

/** What is known of a digest; named by an image in any case. */
const known = { named: 0, present: 1, lost: 2, healed: 4 } as const;

/** 25 to 38 bytes of memory for each chunk that images name. @throws store-io, cancelled. Damage is listed, not thrown. */
export async function checkStore(store: ChunkStore, options: CheckStoreOptions = {}): Promise<CheckStoreResult> {
  if (isServed(store)) return await checkOnServer(store, options);
  return await new StoreCheck(store, options).run();
}

class StoreCheck {
  readonly #store: ChunkStore;
  readonly #maintenance: StoreMaintenance;
  readonly #options: CheckStoreOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #report = new CheckReport();
  readonly #named = new DigestMap();
  readonly #damaged: Digest[] = [];
  readonly #counts = { images: 0, chunks: 0, checkedChunks: 0, checkedBytes: 0, unreferenced: 0, temporaryFiles: 0 };
  #namedCount = 0;
  #presentCount = 0;
  #inPartCount = 0;
  #failuresInARow = 0;

  constructor(store: ChunkStore, options: CheckStoreOptions) {
    this.#store = store;
    this.#maintenance = maintenanceOf(store);
    this.#options = options;
    this.#signal = options.signal;
  }

  async run(): Promise<CheckStoreResult> {
    const setAside = await this.#listSetAside();
    if (this.#options.repair) await putBackWhole(this.#store, setAside, this.#options);
    await this.#readImages();
    await this.#lookForChunks();
    await this.#readChunks(setAside);
    if (this.#options.repair) await this.#setDamagedAside();
    const healed = this.#findHealed(setAside);
    const wholeAgain = await this.#findUses(healed.length > 0);
    if (this.#options.repair) {
      const unneeded = setAside.filter((digest) => !this.#named.has(digest));
      await this.#maintenance.deleteSetAside([...healed, ...unneeded], this.#signal);
    }
    for await (const _ of this.#maintenance.listLeftOver(this.#signal)) this.#counts.temporaryFiles++;
    return { ...this.#counts, ...this.#report.findings(), wholeAgain };
  }

  async #listSetAside(): Promise<Digest[]> {
    const digests: Digest[] = [];
    for await (const { digest } of this.#maintenance.listSetAside(this.#signal)) digests.push(digest);
    return digests;
  }

  async #readImages(): Promise<void> {
    const walked = new Set<string>();
    for await (const { place, announced, bytes } of this.#maintenance.readManifests(this.#signal)) {
      if (announced) continue;
      this.#counts.images++;
      try {
        if (this.#options.keys !== undefined) checkSealedManifest(this.#options.keys, bytes);
        for (const part of imageParts(bytes)) await this.#readPart(part, walked, place);
      } catch (thrown) {
        this.#report.note(asDamage(thrown).during(place), null);
      }
    }
  }

  async #readPart(part: ImagePart, walked: Set<string>, place: string): Promise<void> {
    const own = part.own.join();
    if (walked.has(own)) return;
    walked.add(own);
    for (const digest of part.own) this.#name(digest);
    try {
      for (const { digest } of await part.chunks(this.#store, this.#signal)) this.#name(digest);
    } catch (thrown) {
      const error = asDamage(thrown);
      // That a chunk is damaged or missing is found, with all its uses, when chunks are looked at.
      if (error.code === 'manifest-corrupt') this.#report.note(error.during(place), null);
    }
  }

  #name(digest: Digest): void {
    if (this.#named.has(digest)) return;
    this.#named.set(digest, known.named);
    this.#namedCount++;
  }

  #mark(digest: Digest, flag: number): void {
    const value = this.#named.get(digest);
    if (value !== undefined) this.#named.set(digest, value | flag);
  }

  /** By their names alone. */
  async #lookForChunks(): Promise<void> {
    const select = (digest: Digest) => {
      this.#counts.chunks++;
      if (this.#isInPart(digest)) this.#inPartCount++;
      const value = this.#named.get(digest);
      if (value === undefined) this.#counts.unreferenced++;
      else if ((value & known.present) === 0) {
        this.#presentCount++;
        this.#named.set(digest, value | known.present);
      }
      return false;
    };
    for await (const _ of this.#maintenance.listChunks({ select, ...this.#stop() }));
  }

  #isInPart(digest: Digest): boolean {
    return isInPart(this.#options.part ?? wholeStore, digest);
  }

  async #readChunks(setAside: readonly Digest[]): Promise<void> {
    const always = new Set(setAside);
    const select = (digest: Digest) => this.#isInPart(digest) || always.has(digest);
    const pool = new WorkerPool({ device: null, chunkSizeBytes: 4096 }, this.#options.workers);
    const tasks = new BoundedTasks(pool.size, this.#signal);
    try {
      try {
        for await (const { digest, storedBytes } of this.#maintenance.listChunks({ select, ...this.#stop() })) {
          this.#progress(storedBytes);
          await tasks.start(() => this.#readChunk(pool, digest));
        }
      } finally {
        await tasks.finish();
      }
    } finally {
      await pool.close();
    }
  }

  /** The bytes to come are estimated from those so far: nobody wants to wait for a million stats first. */
  #progress(storedBytes: number): void {
    const { bytes, count } = { bytes: this.#counts.checkedBytes, count: this.#counts.checkedChunks };
    const bytesTotal = count === 0 ? storedBytes : Math.round((bytes / count) * Math.max(this.#inPartCount, count));
    this.#options.onProgress?.({ phase: 'verify', bytesDone: bytes, bytesTotal, bytesTransferred: bytes });
    this.#counts.checkedChunks++;
    this.#counts.checkedBytes += storedBytes;
  }

  async #readChunk(pool: WorkerPool, digest: Digest): Promise<void> {
    try {
      await this.#checkStored(pool, digest, await this.#store.getChunk(digest, this.#signal));
      this.#failuresInARow = 0;
    } catch (thrown) {
      const error = asDamage(thrown);
      // Garbage collection may have freed it since it was listed; if an image needs it, the look at the images finds it missing.
      if (error.code === 'chunk-not-found') return;
      if (error.code === 'store-io' && ++this.#failuresInARow > maxFailuresInARow) throw error;
      this.#damaged.push(digest);
      this.#mark(digest, known.lost);
      this.#report.note(error, digest);
    }
  }

  async #checkStored(pool: WorkerPool, digest: Digest, stored: Buffer): Promise<void> {
    const { keys } = this.#options;
    const request = { digest, stored, lengthBytes: null, ...(keys === undefined ? {} : { keys }) };
    await pool.lease(({ ask }) => ask('checkChunk', request, ownedMemory(stored)));
  }

  /** Each is looked at again after the move: what a capture has replaced in between goes back. */
  async #setDamagedAside(): Promise<void> {
    await this.#maintenance.setAside(this.#damaged, this.#signal);
    const stayed = new Set(await putBackWhole(this.#store, this.#damaged, this.#options));
    for (const digest of this.#damaged) if (stayed.has(digest)) this.#report.markSetAside(digest);
  }

  #findHealed(setAside: readonly Digest[]): Digest[] {
    const healed = setAside.filter((digest) => this.#named.get(digest) === (known.named | known.present));
    for (const digest of healed) this.#mark(digest, known.healed);
    return healed;
  }

  /** Goes through the images once more if there is anything to say of them. Answers those that are whole again. */
  async #findUses(anyHealed: boolean): Promise<string[]> {
    const wholeAgain: string[] = [];
    if (this.#presentCount === this.#namedCount && this.#damaged.length === 0 && !anyHealed) return wholeAgain;
    for await (const { announced, bytes } of this.#maintenance.readManifests(this.#signal)) {
      if (announced) continue;
      try {
        const name = await this.#findUsesIn(bytes);
        if (name !== null) wholeAgain.push(name);
      } catch (thrown) {
        // Named as a problem before.
        asDamage(thrown);
      }
    }
    return wholeAgain;
  }

  async #findUsesIn(bytes: Buffer): Promise<string | null> {
    const image = readImageFacts(bytes);
    let healed = false;
    for (const part of imageParts(bytes)) {
      let lost = false;
      for (const digest of part.own) {
        if (await this.#isLost(digest)) {
          this.#report.addUse(image, { digest, place: part.place });
          lost = true;
        }
        healed ||= this.#isHealed(digest);
      }
      if (lost) continue;
      for (const chunk of await part.chunks(this.#store, this.#signal)) {
        if (await this.#isLost(chunk.digest)) this.#report.addUse(image, chunk);
        healed ||= this.#isHealed(chunk.digest);
      }
    }
    return healed && !this.#report.isDamaged(image.name) ? image.name : null;
  }

  #isHealed(digest: Digest): boolean {
    return ((this.#named.get(digest) ?? 0) & known.healed) !== 0;
  }

  /** Damaged, or not listed and not to be had either (garbage collection may just have it in hand). */
  async #isLost(digest: Digest): Promise<boolean> {
    const value = this.#named.get(digest);
    if (value === undefined) return false;
    if ((value & known.lost) !== 0) return true;
    if ((value & known.present) !== 0) return false;
    try {
      await this.#store.getChunk(digest, this.#signal);
      this.#mark(digest, known.present);
      return false;
    } catch (thrown) {
      const error = asDamage(thrown);
      this.#mark(digest, known.lost);
      this.#report.note(error, digest);
      return true;
    }
  }

  #stop(): { signal?: AbortSignal } {
    return this.#signal === undefined ? {} : { signal: this.#signal };
  }
}
