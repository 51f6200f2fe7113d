// The recipe of the Deploy-OS: Debian packages, Node and the agent in; kernel, initramfs, ISO and netboot tree out.
import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkKernelConfig } from '../kernel-config/check-kernel-config.ts';
import { concerns } from '../kernel-config/concerns.ts';
import { BuildCache, defaultCacheDir } from './build-cache.ts';
import { type BuildManifest, describeFiles, listPackages } from './build-manifest.ts';
import type { FileTree } from './file-tree.ts';
import { bootPackages, systemPackages } from './packages.ts';
import { collectAgent } from './stages/agent-bundle.ts';
import { writeIso } from './stages/boot-iso.ts';
import { type CompressedPart, compressPart, concatenateParts } from './stages/compress-archive.ts';
import { fetchPackages, resolveKernelPackage, type UnpackedPackage } from './stages/fetch-packages.ts';
import { collectKernelModules } from './stages/kernel-modules.ts';
import { writeNetbootTree } from './stages/netboot-tree.ts';
import { collectNode } from './stages/node-runtime.ts';
import { collectSystemFiles } from './stages/system-files.ts';

const checkoutDir = join(import.meta.dirname, '..');
// Modules are xz files already: a higher level costs time and gains nothing. Node's image is compressed by itself.
const zstdLevels = { system: 19, modules: 3, node: null, agent: 19 } as const;
type PartName = keyof typeof zstdLevels;

/** A step that ended; `cached` when nothing had to be made. */
export type BuildStep = { readonly name: string; readonly seconds: number; readonly cached: boolean };

export type BuildOptions = {
  readonly outDir: string;
  /** Default: `defaultCacheDir()`. */
  readonly cacheDir?: string | undefined;
  /** The agent's entry file; default agent/main.ts. */
  readonly agentEntry?: string | undefined;
  /** The chunk worker's entry file; default imaging/chunk/worker.ts. */
  readonly workerEntry?: string | undefined;
  /** A folder of firmware files to add below /usr/lib/firmware. */
  readonly firmwareDir?: string | undefined;
  /** What the ISO puts on the kernel's command line, such as `deploy.server=…`. */
  readonly isoKernelOptions?: string | undefined;
  readonly onStep?: ((step: BuildStep) => void) | undefined;
  /** How far a long step is; called often. */
  readonly onProgress?: ((name: string, doneBytes: number, totalBytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Writes vmlinuz, initramfs.img, deploy-os.iso, tftp/ and build-manifest.json to `outDir` (docs/build.md). The same inputs
 * give the same bytes, and with a full cache nothing is downloaded. Throws `build-failed`, `kernel-option-missing` or `cancelled`.
 */
export async function buildDeployOs(options: BuildOptions): Promise<BuildManifest> {
  const { outDir, signal } = options;
  const cache = new BuildCache(options.cacheDir ?? defaultCacheDir());
  const step = stepTimer(options);
  await mkdir(outDir, { recursive: true });

  const { packages, kernel } = await step('packages', async () => await fetchAll(cache, signal));
  const release = kernel.name.replace('linux-image-', '');
  const vmlinuz = join(kernel.dir, `boot/vmlinuz-${release}`);
  const epochSeconds = Math.floor((await stat(vmlinuz)).mtimeMs / 1000);
  await step('kernel-config', async () => {
    checkKernelConfig(await readFile(join(kernel.dir, `boot/config-${release}`), 'utf8'));
    return { cached: false };
  });

  const modules = await step('modules', async () => {
    return await collectKernelModules({ kernel, release, concerns, cache, signal });
  });
  const node = await step('node', async () => await collectNode({ cache, epochSeconds, signal }));
  const agent = await step('agent', async () => {
    const { agentEntry = join(checkoutDir, 'agent/main.ts') } = options;
    const { workerEntry = join(checkoutDir, 'imaging/chunk/worker.ts') } = options;
    return { ...(await collectAgent({ agentEntry, workerEntry })), cached: false };
  });
  const system = await step('system', async () => {
    const programs = [node.binary, ...agent.nativeModules];
    return { tree: await collectSystemFiles({ packages, programs, firmwareDir: options.firmwareDir }), cached: false };
  });

  const parts = await step('compress', async () => {
    const trees = { system: system.tree, modules: modules.tree, node: node.tree, agent: agent.tree };
    return await compressAll(trees, { cache, epochSeconds, options });
  });
  const initramfs = join(outDir, 'initramfs.img');
  await copyFile(vmlinuz, join(outDir, 'vmlinuz'));
  await concatenateParts(
    parts.all.map(({ path }) => path),
    initramfs,
  );
  const netboot = await writeNetbootTree(packages, join(outDir, 'tftp'));
  await step('iso', async () => {
    const kernelOptions = options.isoKernelOptions ?? '';
    const iso = { packages, vmlinuz, initramfs, kernelOptions, epochSeconds, signal };
    await writeIso(iso, join(outDir, 'deploy-os.iso'));
    return { cached: false };
  });

  const files = ['vmlinuz', 'initramfs.img', 'deploy-os.iso', ...netboot.map((name) => `tftp/${name}`)];
  const manifest: BuildManifest = {
    formatVersion: 1,
    kernelRelease: release,
    node: { version: node.version, sha256: node.sha256 },
    packages: listPackages(packages),
    parts: await measureParts(vmlinuz, parts.all),
    files: await describeFiles(outDir, files),
  };
  await writeFile(join(outDir, 'build-manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await cache.prune(['parts', 'modules', 'node', 'unpacked', 'packages']);
  return manifest;
}

async function fetchAll(cache: BuildCache, signal: AbortSignal | undefined) {
  const kernelName = await resolveKernelPackage();
  const names = [kernelName, ...[...systemPackages, ...bootPackages].map(({ name }) => name)];
  const { packages, cached } = await fetchPackages(names, cache, signal);
  const kernel = packages.get(kernelName) as UnpackedPackage;
  return { packages, kernel, cached };
}

type CompressContext = { readonly cache: BuildCache; readonly epochSeconds: number; readonly options: BuildOptions };

/** All parts side by side, in the order of the archive. */
async function compressAll(trees: Readonly<Record<PartName, FileTree>>, context: CompressContext) {
  const { cache, epochSeconds: mtimeSeconds, options } = context;
  const all = await Promise.all(
    (Object.keys(zstdLevels) as PartName[]).map((name) =>
      compressPart({
        name,
        tree: trees[name],
        level: zstdLevels[name],
        mtimeSeconds,
        cache,
        onBytes: (done, total) => {
          if (name === 'system') options.onProgress?.('compress', done, total);
        },
        signal: options.signal,
      }),
    ),
  );
  return { all, cached: all.every(({ cached }) => cached) };
}

async function measureParts(vmlinuz: string, parts: readonly CompressedPart[]): Promise<BuildManifest['parts']> {
  const kernelBytes = (await stat(vmlinuz)).size;
  const measured = parts.map(async ({ name, path, unpackedBytes }) => {
    return { name, unpackedBytes, compressedBytes: (await stat(path)).size };
  });
  return [
    { name: 'kernel', unpackedBytes: kernelBytes, compressedBytes: kernelBytes },
    ...(await Promise.all(measured)),
  ];
}

/** Runs a step and reports it when it has ended. */
function stepTimer({ onStep, signal }: BuildOptions) {
  return async <T extends { readonly cached: boolean }>(name: string, run: () => Promise<T>): Promise<T> => {
    signal?.throwIfAborted();
    const startedMs = performance.now();
    const result = await run();
    onStep?.({ name, seconds: (performance.now() - startedMs) / 1000, cached: result.cached });
    return result;
  };
}
