// Stage 1: from package names to unpacked files. apt decides the version and vouches for the digest; nothing is installed.
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import { type BuildCache, hashFile } from '../build-cache.ts';
import { runTool } from '../run-tool.ts';

/** `dir` holds the package's files; `sha256` is the digest of the .deb, as the signed package list has it. */
export type UnpackedPackage = {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  readonly dir: string;
};

type Candidate = {
  readonly name: string;
  readonly version: string;
  readonly fileName: string;
  readonly sha256: string;
};

const aptHint = 'this needs a Debian 12 host with package lists: apt-get update';

/** The package of the kernel itself, which the meta package depends on. `apt`: the options of aptOptionsFor. */
export async function resolveKernelPackage(kernelMetaPackage: string, apt: readonly string[]): Promise<string> {
  const show = [...apt, 'show', '--no-all-versions', kernelMetaPackage];
  const text = await runTool('apt-cache', show, { hint: aptHint });
  const name = /^Depends: (linux-image-[\w.+-]+)/m.exec(text)?.[1];
  if (name === undefined)
    throw new DeployError('build-failed', `${kernelMetaPackage} names no kernel`, { hint: aptHint });
  return name;
}

/**
 * Downloads what the cache lacks, checks every digest, and unpacks. With a full cache nothing touches the network.
 * Throws `build-failed`.
 */
export async function fetchPackages(
  names: readonly string[],
  { apt, cache, signal }: { apt: readonly string[]; cache: BuildCache; signal?: AbortSignal | undefined },
): Promise<{ packages: Map<string, UnpackedPackage>; cached: boolean }> {
  const candidates = await resolveCandidates(names, apt);
  const downloadDir = await mkdtemp(join(tmpdir(), 'deploy-os-packages-'));
  try {
    const missing: Candidate[] = [];
    for (const candidate of candidates) {
      if (!(await cache.has('packages', debOf(candidate)))) missing.push(candidate);
    }
    await downloadAll(missing, downloadDir, { apt, signal });
    const packages = await unpackAll(candidates, { cache, downloadDir, signal });
    return { packages, cached: missing.length === 0 };
  } finally {
    await rm(downloadDir, { recursive: true, force: true });
  }
}

type UnpackContext = {
  readonly cache: BuildCache;
  readonly downloadDir: string;
  readonly signal: AbortSignal | undefined;
};

async function unpackAll(candidates: readonly Candidate[], context: UnpackContext) {
  const { cache, downloadDir, signal } = context;
  const packages = new Map<string, UnpackedPackage>();
  for (const candidate of candidates) {
    const { name, version, sha256, fileName } = candidate;
    const deb = await cache.obtain('packages', debOf(candidate), async (path) => {
      await copyChecked(join(downloadDir, fileName), sha256, path);
    });
    const unpacked = await cache.obtain('unpacked', sha256, async (path) => {
      await runTool('dpkg-deb', ['-x', deb.path, path], { signal });
    });
    packages.set(name, { name, version, sha256, dir: unpacked.path });
  }
  return packages;
}

const debOf = ({ sha256 }: Candidate): string => `${sha256}.deb`;

/** `'URL' name_version_arch.deb size SHA256:digest` per line; an epoch's colon is written `%3a`. */
export function parsePrintedUris(text: string): Candidate[] {
  return [...text.matchAll(/^'\S+' (\S+) \d+ SHA256:([0-9a-f]{64})$/gm)].map(([, fileName = '', sha256 = '']) => {
    const [name = '', version = ''] = fileName.split('_');
    return { name, version: decodeURIComponent(version), fileName, sha256 };
  });
}

async function resolveCandidates(names: readonly string[], apt: readonly string[]): Promise<Candidate[]> {
  const text = await runTool('apt-get', [...apt, 'download', '--print-uris', ...names], { hint: aptHint });
  const candidates = parsePrintedUris(text);
  const missing = names.filter((name) => !candidates.some((candidate) => candidate.name === name));
  if (missing.length > 0) {
    throw new DeployError('build-failed', `apt knows no SHA-256 for ${missing.join(', ')}`, { hint: aptHint });
  }
  return candidates.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** One call for all: apt fetches them side by side. */
async function downloadAll(
  candidates: readonly Candidate[],
  dir: string,
  { apt, signal }: { apt: readonly string[]; signal: AbortSignal | undefined },
): Promise<void> {
  if (candidates.length === 0) return;
  const sandbox = ['-o', 'APT::Sandbox::User=root'];
  const wanted = candidates.map(({ name, version }) => `${name}=${version}`);
  await runTool('apt-get', [...apt, ...sandbox, 'download', ...wanted], {
    cwd: dir,
    signal,
    hint: 'is the network reachable?',
  });
}

async function copyChecked(from: string, sha256: string, to: string): Promise<void> {
  await copyFile(from, to);
  const found = await hashFile(to);
  if (found === sha256) return;
  throw new DeployError('build-failed', `${basename(from)} has SHA-256 ${found}, apt says ${sha256}`);
}
