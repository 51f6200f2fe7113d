// The recipe of the Deploy-OS: Debian packages, Node and the agent in; kernel, initramfs, ISO and netboot tree out.
import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkKernelConfig } from '../kernel-config/check-kernel-config.ts';
import { concerns } from '../kernel-config/concerns.ts';
import { DeployError } from '../protocol/errors.ts';
import { BuildCache, defaultCacheDir } from './build-cache.ts';
import { type BuildManifest, describeFiles, listPackages } from './build-manifest.ts';
import type { FileTree } from './file-tree.ts';
import { bootPackages, systemPackages, toolPackages } from './packages.ts';
import { collectAgent } from './stages/agent-bundle.ts';
import { writeIso } from './stages/boot-iso.ts';
import { type CompressedPart, compressPart, concatenateParts, type Packing } from './stages/compress-archive.ts';
import { fetchPackages, resolveKernelPackage, type UnpackedPackage } from './stages/fetch-packages.ts';
import { packKernelModules } from './stages/kernel-modules.ts';
import { writeHttpBootImage, writeNetbootTree } from './stages/netboot-tree.ts';
import { collectNode } from './stages/node-runtime.ts';
import { collectSystemFiles } from './stages/system-files.ts';
import { chooseTools, packTools } from './stages/tools-image.ts';
import { findAbsentFirmware } from './stages/wanted-firmware.ts';

const checkoutDir = join(import.meta.dirname, '..');
const ownFirmware = join(import.meta.dirname, 'firmware');
// The images of the modules, Node and the tools are compressed by themselves.
const packings = {
  system: 'xz',
  modules: null,
  tools: null,
  node: null,
  agent: { zstdLevel: 19 },
} as const satisfies Record<string, Packing>;
type PartName = keyof typeof packings;

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
  /** A folder of firmware files to add below /usr/lib/firmware; default initramfs/firmware. */
  readonly firmwareDir?: string | undefined;
  /** What the ISO puts on the kernel's command line, such as `deploy.server=…`. */
  readonly isoKernelOptions?: string | undefined;
  readonly onStepStart?: ((name: string) => void) | undefined;
  readonly onStep?: ((step: BuildStep) => void) | undefined;
  /** How far a long step is; called often. */
  readonly onProgress?: ((name: string, doneBytes: number, totalBytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Writes vmlinuz, initramfs.img, deploy-os.iso, http-boot.img, tftp/ and build-manifest.json to `outDir` (docs/build.md). The same inputs
 * give the same bytes, and with a full cache nothing is downloaded. Throws `build-failed`, `kernel-option-missing` or `cancelled`.
 */
export async function buildDeployOs(options: BuildOptions): Promise<BuildManifest> {
  const cache = new BuildCache(options.cacheDir ?? defaultCacheDir());
  const step = stepTimer(options);
  const kernel = await step('packages', async () => await fetchAll(cache, options.signal));
  await step('kernel-config', async () => {
    checkKernelConfig(await readFile(kernel.config, 'utf8'));
    return { cached: false };
  });
  const { trees, node, firmwareAbsent } = await collectTrees(kernel, { cache, options, step });
  const parts = await step('compress', async () => await compressAll(trees, { cache, kernel, options }));
  const files = await writeOutputs(kernel, parts.all, { options, step });
  const manifest: BuildManifest = {
    formatVersion: 1,
    kernelRelease: kernel.release,
    node: { version: node.version, sha256: node.sha256 },
    packages: listPackages(kernel.packages),
    firmwareAbsent,
    parts: await measureParts(kernel.vmlinuz, parts.all),
    files: await describeFiles(options.outDir, files),
  };
  await writeFile(join(options.outDir, 'build-manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await cache.prune(['parts', 'modules', 'module-images', 'module-firmware', 'node', 'tools', 'unpacked', 'packages']);
  return manifest;
}

/** All packages, and what of the kernel's the later steps need. */
type KernelFiles = {
  readonly packages: ReadonlyMap<string, UnpackedPackage>;
  readonly kernel: UnpackedPackage;
  readonly release: string;
  readonly vmlinuz: string;
  readonly config: string;
  /** When the kernel was built, seconds since 1970: the one date that everything in the outputs carries. */
  readonly epochSeconds: number;
};

type StepRunner = ReturnType<typeof stepTimer>;

async function collectTrees(
  files: KernelFiles,
  { cache, options, step }: { cache: BuildCache; options: BuildOptions; step: StepRunner },
) {
  const { packages, kernel, release, epochSeconds } = files;
  const { signal, firmwareDir = ownFirmware } = options;
  const modules = await step('modules', async () => {
    return await packKernelModules({ kernel, release, concerns, cache, epochSeconds, signal });
  });
  const node = await step('node', async () => await collectNode({ cache, epochSeconds, signal }));
  const agent = await step('agent', async () => {
    const { agentEntry = join(checkoutDir, 'agent/main.ts') } = options;
    const { workerEntry = join(checkoutDir, 'imaging/chunk/worker.ts') } = options;
    return { ...(await collectAgent({ agentEntry, workerEntry })), cached: false };
  });
  const chosen = await chooseTools(packages);
  const { tree: system } = await step('system', async () => {
    const programs = [node.binary, ...agent.nativeModules];
    const tree = await collectSystemFiles({ packages, programs, firmwareDir, beside: chosen.tree });
    tree.addAll(modules.early);
    return { tree, cached: false };
  });
  const tools = await step('tools', async () => {
    return await packTools(chosen, { packages, system, cache, epochSeconds, signal });
  });
  const firmwareAbsent = await findAbsentFirmware(modules.firmware, firmwareDir);
  const trees = { system, modules: modules.tree, tools: tools.tree, node: node.tree, agent: agent.tree };
  return { trees, node, firmwareAbsent };
}

/** Returns the files' paths from the output folder. */
async function writeOutputs(
  { packages, vmlinuz, epochSeconds }: KernelFiles,
  parts: readonly CompressedPart[],
  { options, step }: { options: BuildOptions; step: StepRunner },
): Promise<string[]> {
  const { outDir, signal, isoKernelOptions: kernelOptions = '' } = options;
  await mkdir(outDir, { recursive: true });
  const initramfs = join(outDir, 'initramfs.img');
  await copyFile(vmlinuz, join(outDir, 'vmlinuz'));
  const paths = parts.map(({ path }) => path);
  await concatenateParts(paths, initramfs);
  const netboot = await writeNetbootTree(packages, join(outDir, 'tftp'));
  await writeHttpBootImage({ packages, epochSeconds, signal }, join(outDir, 'http-boot.img'));
  await step('iso', async () => {
    const iso = { packages, vmlinuz, initramfs, kernelOptions, epochSeconds, signal };
    await writeIso(iso, join(outDir, 'deploy-os.iso'));
    return { cached: false };
  });
  return ['vmlinuz', 'initramfs.img', 'deploy-os.iso', 'http-boot.img', ...netboot.map((name) => `tftp/${name}`)];
}

async function fetchAll(
  cache: BuildCache,
  signal: AbortSignal | undefined,
): Promise<KernelFiles & { cached: boolean }> {
  const kernelName = await resolveKernelPackage();
  const names = new Set([...systemPackages, ...toolPackages, ...bootPackages].map(({ name }) => name));
  const { packages, cached } = await fetchPackages([kernelName, ...names], cache, signal);
  const kernel = packages.get(kernelName) as UnpackedPackage;
  const release = kernelName.replace('linux-image-', '');
  const vmlinuz = join(kernel.dir, `boot/vmlinuz-${release}`);
  const epochSeconds = Math.floor((await stat(vmlinuz)).mtimeMs / 1000);
  const config = join(kernel.dir, `boot/config-${release}`);
  return { packages, kernel, release, vmlinuz, config, epochSeconds, cached };
}

type CompressContext = { readonly cache: BuildCache; readonly kernel: KernelFiles; readonly options: BuildOptions };

/** All parts side by side, in the order of the archive. */
async function compressAll(trees: Readonly<Record<PartName, FileTree>>, context: CompressContext) {
  const { cache, kernel, options } = context;
  const all = await Promise.all(
    (Object.keys(packings) as PartName[]).map((name) =>
      compressPart({
        name,
        tree: trees[name],
        packing: packings[name],
        mtimeSeconds: kernel.epochSeconds,
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

/** Runs a step and reports its start and its end. */
function stepTimer({ onStepStart, onStep, signal }: BuildOptions) {
  return async <T extends { readonly cached: boolean }>(name: string, run: () => Promise<T>): Promise<T> => {
    if (signal?.aborted) throw new DeployError('cancelled', 'the build was stopped');
    onStepStart?.(name);
    const startedMs = performance.now();
    const result = await run();
    onStep?.({ name, seconds: (performance.now() - startedMs) / 1000, cached: result.cached });
    return result;
  };
}
