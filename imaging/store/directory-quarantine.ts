// Chunks of a directory store that garbage collection has taken out of sight, by renaming each in its own directory.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfCancelled } from '../cancelled.ts';
import { errnoOf } from '../chunk/device-io.ts';
import { isDigest } from '../chunk/digest.ts';
import type { Digest } from './chunk-store.ts';
import { chunkPathIn, inTurns, listNames, unlessAbsent } from './directory-files.ts';
import { storeError } from './store-error.ts';
import type { ChunkInfo, Quarantine } from './store-maintenance.ts';

const mark = '.condemned-';

/** What statfs(2) calls file systems that one kernel has to itself: what it renames is renamed for all. */
const localFileSystems = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0xf2f52010, // F2FS
  0x2fc12fc1, // ZFS
  0x01021994, // tmpfs
  0x794c7630, // overlay
]);
/** The Linux NFS and SMB clients believe what they saw of a file or directory for up to 60 s (nfs(5), acregmax and acdirmax); twice that. */
const cachesLapseMs = 120_000;

export class DirectoryQuarantine implements Quarantine {
  readonly #root: string;
  /** Of this quarantine alone: what another one has taken, only that one destroys. */
  readonly #suffix = mark + randomUUID();
  #tookAny = false;

  constructor(root: string) {
    this.#root = root;
  }

  async take(digests: readonly Digest[], signal?: AbortSignal): Promise<ChunkInfo[]> {
    const taken = await inTurns(digests, signal, (digest) => this.#take(digest, chunkPathIn(this.#root, digest)));
    return taken.flat();
  }

  async #take(digest: Digest, from: string): Promise<ChunkInfo[]> {
    const file = this.#fileOf(digest);
    const stats = await unlessAbsent(this.#root, 'setting a chunk apart', async () => {
      await fs.rename(from, file);
      this.#tookAny = true;
      return fs.stat(file);
    });
    return stats === null ? [] : [{ digest, storedBytes: stats.size, modifiedMs: stats.mtimeMs }];
  }

  async *adopt(signal?: AbortSignal): AsyncGenerator<ChunkInfo> {
    const chunks = path.join(this.#root, 'chunks');
    for (const prefix of await listNames(this.#root, chunks)) {
      const names = await listNames(this.#root, path.join(chunks, prefix));
      const others = names.filter((name) => name.includes(mark) && !name.endsWith(this.#suffix));
      for (const name of others) {
        throwIfCancelled(signal);
        const digest = prefix + name.slice(0, name.indexOf(mark));
        if (isDigest(digest)) yield* await this.#take(digest, path.join(chunks, prefix, name));
      }
    }
  }

  async settle(signal?: AbortSignal): Promise<void> {
    if (!this.#tookAny) return;
    const { type } = await fs.statfs(this.#root).catch((thrown: unknown) => {
      throw storeError(this.#root, 'looking at the file system', thrown);
    });
    if (localFileSystems.has(type)) return;
    await sleep(cachesLapseMs, undefined, signal === undefined ? {} : { signal }).catch(() => throwIfCancelled(signal));
  }

  async giveBack(digests: readonly Digest[], signal?: AbortSignal): Promise<void> {
    await inTurns(digests, signal, async (digest) => {
      const file = this.#fileOf(digest);
      await unlessAbsent(this.#root, 'giving a chunk back', async () => {
        // A link, unlike a rename, leaves alone what was put meanwhile.
        await fs.link(file, chunkPathIn(this.#root, digest)).catch((thrown: unknown) => {
          if (errnoOf(thrown) !== 'EEXIST') throw thrown;
        });
        await fs.unlink(file);
      });
    });
  }

  async destroy(digests: readonly Digest[], signal?: AbortSignal): Promise<void> {
    await inTurns(digests, signal, (digest) =>
      unlessAbsent(this.#root, 'deleting', () => fs.unlink(this.#fileOf(digest))),
    );
  }

  #fileOf(digest: Digest): string {
    return chunkPathIn(this.#root, digest) + this.#suffix;
  }
}

/** The file of a chunk that some quarantine holds, or null. */
export async function findInQuarantine(root: string, digest: Digest): Promise<string | null> {
  const file = chunkPathIn(root, digest);
  const names = await listNames(root, path.dirname(file));
  const name = names.find((candidate) => candidate.startsWith(path.basename(file) + mark));
  return name === undefined ? null : path.join(path.dirname(file), name);
}
