// Where the build keeps what it need not make twice: everything lies under a name that is the digest of what went into it.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

const unusedDays = 30;

/** `initramfs/` below `DEPLOY_OS_CACHE`, else below `$XDG_CACHE_HOME/deploy-os`, else below `~/.cache/deploy-os`. */
export function defaultCacheDir(): string {
  const { DEPLOY_OS_CACHE, XDG_CACHE_HOME } = process.env;
  return join(DEPLOY_OS_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'deploy-os'), 'initramfs');
}

/** The SHA-256 of a file, in hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** The SHA-256 of bytes, or of any value as JSON, in hexadecimal: the key of a stage is the hash of its inputs. */
export function hashOf(value: unknown): string {
  const bytes = value instanceof Uint8Array ? value : JSON.stringify(value);
  return createHash('sha256').update(bytes).digest('hex');
}

export class BuildCache {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /**
   * The file or folder that `make` made for this key, now or in an earlier build. `make` writes to the path it is given;
   * only what it finished gets its name, so that an interrupted build leaves nothing that a later one would believe.
   */
  async obtain(
    kind: string,
    key: string,
    make: (path: string) => Promise<void>,
  ): Promise<{ path: string; cached: boolean }> {
    const path = join(this.dir, kind, key);
    if (await exists(path)) {
      await markUsed(path);
      return { path, cached: true };
    }
    await mkdir(join(this.dir, kind), { recursive: true });
    const workDir = await mkdtemp(join(this.dir, 'making-'));
    try {
      const made = join(workDir, 'made');
      await make(made);
      await rename(made, path).catch(async (thrown: unknown) => {
        if (!(await exists(path))) throw thrown;
      });
    } finally {
      await rm(workDir, { recursive: true, force: true });
    }
    await markUsed(path);
    return { path, cached: false };
  }

  /** Whether `obtain` would find this key. */
  async has(kind: string, key: string): Promise<boolean> {
    return await exists(join(this.dir, kind, key));
  }

  /** Removes what no build has used for a month. */
  async prune(kinds: readonly string[]): Promise<void> {
    const oldestMs = Date.now() - unusedDays * 86_400_000;
    for (const kind of kinds) {
      const names = await readdir(join(this.dir, kind)).catch(() => []);
      for (const name of names) {
        const path = join(this.dir, kind, name);
        const { mtimeMs } = await stat(path);
        if (mtimeMs < oldestMs) await rm(path, { recursive: true, force: true });
      }
    }
  }
}

async function markUsed(path: string): Promise<void> {
  await utimes(path, new Date(), new Date());
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
