// Stage 1: from package names to unpacked files. apt decides the version and vouches for the digest; nothing is installed.
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import { type BuildCache, hashFile } from '../build-cache.ts';
import { kernelMetaPackage } from '../packages.ts';
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

/** The package of the kernel itself, which the meta package depends on. */
export async function resolveKernelPackage(): Promise<string> {
  const text = await runTool('apt-cache', ['show', '--no-all-versions', kernelMetaPackage], { hint: aptHint });
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
  cache: BuildCache,
  signal?: AbortSignal,
): Promise<{ packages: Map<string, UnpackedPackage>; cached: boolean }> {
  const candidates = await resolveCandidates(names);
  let cached = true;
  const packages = new Map<string, UnpackedPackage>();
  for (const candidate of candidates) {
    const deb = await cache.obtain('packages', `${candidate.sha256}.deb`, (path) => download(candidate, path, signal));
    const unpacked = await cache.obtain('unpacked', candidate.sha256, async (path) => {
      await runTool('dpkg-deb', ['-x', deb.path, path], { signal });
    });
    cached &&= deb.cached && unpacked.cached;
    const { name, version, sha256 } = candidate;
    packages.set(name, { name, version, sha256, dir: unpacked.path });
  }
  return { packages, cached };
}

/** `'URL' name_version_arch.deb size SHA256:digest` per line; an epoch's colon is written `%3a`. */
export function parsePrintedUris(text: string): Candidate[] {
  return [...text.matchAll(/^'\S+' (\S+) \d+ SHA256:([0-9a-f]{64})$/gm)].map(([, fileName = '', sha256 = '']) => {
    const [name = '', version = ''] = fileName.split('_');
    return { name, version: decodeURIComponent(version), fileName, sha256 };
  });
}

async function resolveCandidates(names: readonly string[]): Promise<Candidate[]> {
  const text = await runTool('apt-get', ['download', '--print-uris', ...names], { hint: aptHint });
  const candidates = parsePrintedUris(text);
  const missing = names.filter((name) => !candidates.some((candidate) => candidate.name === name));
  if (missing.length > 0) {
    throw new DeployError('build-failed', `apt knows no SHA-256 for ${missing.join(', ')}`, { hint: aptHint });
  }
  return candidates.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function download(candidate: Candidate, path: string, signal?: AbortSignal): Promise<void> {
  await mkdir(path);
  const sandbox = ['-o', 'APT::Sandbox::User=root'];
  const what = `${candidate.name}=${candidate.version}`;
  await runTool('apt-get', [...sandbox, 'download', what], { cwd: path, signal, hint: 'is the network reachable?' });
  const file = join(path, candidate.fileName);
  const found = await hashFile(file);
  if (found !== candidate.sha256) {
    throw new DeployError('build-failed', `${candidate.fileName} has SHA-256 ${found}, apt says ${candidate.sha256}`);
  }
  const aside = `${path}.deb`;
  await rename(file, aside);
  await rm(path, { recursive: true });
  await rename(aside, path);
}
