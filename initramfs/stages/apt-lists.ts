// Part of stage 1: where apt looks. For this computer's processor the lists that it has; for another one lists of our own, from the same mirrors.
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture } from '../../kernel-config/concern.ts';
import { DeployError } from '../../protocol/errors.ts';
import { type BuildCache, hashOf } from '../build-cache.ts';
import { runTool } from '../run-tool.ts';

/** Debian's own keys sign its archive, whatever mirror it comes from. */
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const targetFormat = '$(CREATED_BY)|$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(FILENAME)';

type Source = { readonly uri: string; readonly release: string; readonly component: string; readonly list: string };

/**
 * The options for every call of apt that is about packages for `architecture`. Lists for another processor are fetched when those of this computer have
 * changed since, so that `apt-get update` stands for both; apt checks their signature by Debian's keys. Throws `build-failed`.
 */
export async function aptOptionsFor(
  architecture: Architecture,
  cache: BuildCache,
  signal?: AbortSignal,
): Promise<string[]> {
  const own = (await runTool('dpkg', ['--print-architecture'])).trim();
  if (architecture === own) return [];
  const sources = parseIndexTargets(await runTool('apt-get', ['indextargets', '--format', targetFormat]));
  if (sources.length === 0) {
    throw new DeployError('build-failed', 'apt has no package lists of Debian', {
      hint: 'this needs a Debian 12 host with package lists: apt-get update',
    });
  }
  const text = writeSourcesList(sources, architecture);
  const lists = await Promise.all(sources.map(async ({ list }) => [list, (await stat(list)).mtimeMs]));
  const { path } = await cache.obtain('apt', hashOf({ text, lists }), async (dir) => {
    for (const folder of ['lists/partial', 'cache/archives/partial'])
      await mkdir(join(dir, folder), { recursive: true });
    await writeFile(join(dir, 'sources.list'), text);
    await writeFile(join(dir, 'status'), '');
    await runTool('apt-get', [...aptOptions(dir, architecture), '--error-on=any', 'update'], {
      signal,
      hint: `does the mirror have ${architecture}, and is the network reachable?`,
    });
  });
  return aptOptions(path, architecture);
}

/** Debian's own repositories among apt's, each once; one line a target, by `targetFormat` (apt-get(8), indextargets). */
export function parseIndexTargets(text: string): Source[] {
  const sources = new Map<string, Source>();
  for (const line of text.split('\n')) {
    const [createdBy, origin, uri = '', release = '', component = '', list = ''] = line.split('|');
    if (createdBy !== 'Packages' || origin !== 'Debian') continue;
    sources.set(`${uri} ${release} ${component}`, { uri, release, component, list });
  }
  return [...sources.values()];
}

export function writeSourcesList(sources: readonly Source[], architecture: Architecture): string {
  const options = `[arch=${architecture} signed-by=${keyring}]`;
  return sources.map(({ uri, release, component }) => `deb ${options} ${uri} ${release} ${component}\n`).join('');
}

/** Nothing of this computer's apt but its proxy: no lists, no sources, no installed packages. */
function aptOptions(dir: string, architecture: Architecture): string[] {
  return [
    `APT::Architecture=${architecture}`,
    `APT::Architectures::=${architecture}`,
    `Dir::State=${dir}`,
    `Dir::State::lists=${join(dir, 'lists')}`,
    `Dir::State::status=${join(dir, 'status')}`,
    `Dir::Cache=${join(dir, 'cache')}`,
    'Dir::Cache::pkgcache=',
    'Dir::Cache::srcpkgcache=',
    `Dir::Etc::SourceList=${join(dir, 'sources.list')}`,
    'Dir::Etc::SourceParts=/dev/null',
    'Acquire::Languages=none',
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
}
