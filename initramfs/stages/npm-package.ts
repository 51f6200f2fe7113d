// Part of stages 4 and 5: a package of npm for another processor, from its archive; npm installs only what runs on this computer.
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import type { PinnedPackage } from '../architecture.ts';
import { type BuildCache, hashOf } from '../build-cache.ts';
import { runTool } from '../run-tool.ts';

/** Where its files are; npm fetches it, with the settings of whoever builds. Throws `build-failed`, also when it is not what was pinned. */
export async function fetchNpmPackage(
  pinned: PinnedPackage,
  cache: BuildCache,
  signal?: AbortSignal,
): Promise<{ dir: string; cached: boolean }> {
  const { name, version } = pinned;
  const { path, cached } = await cache.obtain('npm', hashOf(pinned), async (dir) => {
    await mkdir(dir);
    const said = await runTool('npm', ['pack', '--silent', '--pack-destination', dir, `${name}@${version}`], {
      env: definedOf(process.env),
      signal,
      hint: 'is the npm registry reachable?',
    });
    const archive = join(dir, said.trim().split('\n').at(-1) ?? '');
    checkIntegrity(await readFile(archive), pinned);
    await runTool('tar', ['-xzf', archive, '-C', dir, '--no-same-owner'], { signal });
  });
  return { dir: join(path, 'package'), cached };
}

/** As lock files have it: the name of the digest, and the digest in base64 (W3C, Subresource Integrity). */
export function checkIntegrity(archive: Buffer, { name, version, integrity }: PinnedPackage): void {
  const [algorithm = ''] = integrity.split('-', 1);
  const found = `${algorithm}-${createHash(algorithm).update(archive).digest('base64')}`;
  if (found === integrity) return;
  throw new DeployError('build-failed', `${name} ${version} from npm is ${found}, pinned is ${integrity}`, {
    hint: 'something between here and the registry gives other files than it was built and tested with',
  });
}

function definedOf(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
