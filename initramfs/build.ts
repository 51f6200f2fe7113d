// The recipe of the Deploy-OS: Debian packages, Node and the agent in; kernel, initramfs, ISO and netboot tree out.
import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkKernelConfig } from '../kernel-config/check-kernel-config.ts';
import type { Architecture } from '../kernel-config/concern.ts';
import { DeployError } from '../protocol/errors.ts';
import type { ArchitectureFacts } from './architecture.ts';
import { BuildCache, defaultCacheDir } from './build-cache.ts';
import { type BuildManifest, describeFiles, listPackages } from './build-manifest.ts';
import type { FileTree } from './file-tree.ts';
import { fetchIngredients, filesOf, type Ingredients, type KernelChoice } from './ingredients.ts';
import { collectAgent } from './stages/agent-bundle.ts';
import { writeIso } from './stages/boot-iso.ts';
import { type CompressedPart, compressPart, concatenateParts, type Packing } from './stages/compress-archive.ts';
import { compileKernel } from './stages/custom-kernel.ts';
import { packKernelModules } from './stages/kernel-modules.ts';
import { findMediumSettings } from './stages/medium-settings.ts';
import { writeHttpBootImage, writeNetbootTree } from './stages/netboot-tree.ts';
import { collectNode } from './stages/node-runtime.ts';
import { collectSystemFiles } from './stages/system-files.ts';
import { chooseTools, packTools } from './stages/tools-image.ts';
import { findAbsentFirmware } from './stages/wanted-firmware.ts';

const checkoutDir = join(import.meta.dirname, '..');
const ownFirmware = join(import.meta.dirname, 'firmware');
// The images of the modules, Node and the tools are compressed by themselves.
const packingsOf = ({ xzFilter }: ArchitectureFacts) =>
  ({
    system: { xzFilter },
    modules: null,
    tools: null,
    node: null,
    agent: { zstdLevel: 19 },
  }) as const satisfies Record<string, Packing>;
type PartName = keyof ReturnType<typeof packingsOf>;

/** A step that ended; `cached` when nothing had to be made. */
export type BuildStep = { readonly name: string; readonly seconds: number; readonly cached: boolean };

export type BuildOptions = {
  readonly outDir: string;
  /** Default: amd64. */
  readonly architecture?: Architecture | undefined;
  /** Default: Debian's, signed. `custom` is for amd64 alone. */
  readonly kernelChoice?: KernelChoice | undefined;
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
  /** A kernel of one's own: what is being compiled, and how many files were; called often. */
  readonly onCompile?: ((file: string, count: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Writes vmlinuz, initramfs.img, deploy-os.iso, http-boot.img, tftp/ and build-manifest.json to `outDir` (docs/build.md). The same inputs
 * give the same bytes, and with a full cache nothing is downloaded. Throws `build-failed`, `kernel-option-missing` or `cancelled`.
 */
export async function buildDeployOs(options: BuildOptions): Promise<BuildManifest> {
  const cache = new BuildCache(options.cacheDir ?? defaultCacheDir());
  const step = stepTimer(options);
  const fetched = await step('packages', async () => {
    const { architecture = 'amd64', kernelChoice = 'debian', signal } = options;
    return await fetchIngredients({ architecture, kernelChoice, cache, signal });
  });
  const kernel = await withOwnKernel(fetched, { cache, options, step });
  await step('kernel-config', async () => {
    checkKernelConfig(await readFile(kernel.config, 'utf8'), kernel.concerns);
    return { cached: false };
  });
  const { trees, node, firmwareAbsent } = await collectTrees(kernel, { cache, options, step });
  const parts = await step('compress', async () => await compressAll(trees, { cache, kernel, options }));
  const files = await writeOutputs(kernel, parts.all, { options, step });
  const manifest: BuildManifest = {
    formatVersion: 1,
    architecture: kernel.architecture,
    kernelRelease: kernel.release,
    secureBoot: kernel.kernelSource === null,
    node: { version: node.version, sha256: node.sha256 },
    packages: listPackages(kernel.packages),
    firmwareAbsent,
    medium: { path: isoName, ...(await findMediumSettings(join(options.outDir, isoName), isoOptionsOf(options))) },
    parts: await measureParts(kernel.vmlinuz, parts.all),
    files: await describeFiles(options.outDir, files),
  };
  await writeFile(join(options.outDir, 'build-manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await cache.prune([
    'parts',
    'modules',
    'module-images',
    'module-firmware',
    'node',
    'tools',
    'unpacked',
    'packages',
    'apt',
    'npm',
    'kernels',
  ]);
  return manifest;
}

type StepRunner = ReturnType<typeof stepTimer>;

/** The same with a kernel that is compiled here, if one is wanted. */
async function withOwnKernel(
  fetched: Ingredients,
  { cache, options, step }: { cache: BuildCache; options: BuildOptions; step: StepRunner },
): Promise<Ingredients> {
  const { kernel, release, config, kernelSource: source, concerns, epochSeconds } = fetched;
  if (source === null) return fetched;
  const debian = { kernel, release, config };
  const { onCompile: onFile, signal } = options;
  const own = await step('kernel', async () => {
    return await compileKernel({ debian, source, concerns, epochSeconds, cache, onFile, signal });
  });
  const [ownRelease = ''] = await readdir(join(own.kernel.dir, 'lib/modules'));
  return { ...fetched, ...filesOf(own.kernel, ownRelease) };
}

async function collectTrees(
  files: Ingredients,
  { cache, options, step }: { cache: BuildCache; options: BuildOptions; step: StepRunner },
) {
  const { facts, concerns, packages, kernel, release, epochSeconds } = files;
  const { signal, firmwareDir = ownFirmware } = options;
  const image = { epochSeconds, squashfsFilter: facts.squashfsFilter };
  const { libraries } = facts;
  const modules = await step('modules', async () => {
    return await packKernelModules({ kernel, release, concerns, cache, image, signal });
  });
  const node = await step('node', async () => {
    return await collectNode({ cache, dir: files.nodeDir, strip: facts.strip, image, signal });
  });
  const agent = await step('agent', async () => {
    const { agentEntry = join(checkoutDir, 'agent/main.ts') } = options;
    const { workerEntry = join(checkoutDir, 'imaging/chunk/worker.ts') } = options;
    return { ...(await collectAgent({ agentEntry, workerEntry }, files.digestModule)), cached: false };
  });
  const chosen = await chooseTools(packages);
  const { tree: system } = await step('system', async () => {
    const programs = [node.binary, ...agent.nativeModules];
    const { hostBusybox } = files;
    const beside = chosen.tree;
    const tree = await collectSystemFiles({ packages, programs, firmwareDir, hostBusybox, libraries, beside });
    tree.addAll(modules.early);
    return { tree, cached: false };
  });
  const tools = await step('tools', async () => {
    return await packTools(chosen, { packages, system, cache, image, libraries, signal });
  });
  const firmwareAbsent = await findAbsentFirmware(modules.firmware, firmwareDir);
  const trees = { system, modules: modules.tree, tools: tools.tree, node: node.tree, agent: agent.tree };
  return { trees, node, firmwareAbsent };
}

const isoName = 'deploy-os.iso';
const isoOptionsOf = ({ isoKernelOptions = '' }: BuildOptions) => isoKernelOptions;

/** Returns the files' paths from the output folder. */
async function writeOutputs(
  { packages, facts: { efi }, vmlinuz, epochSeconds }: Ingredients,
  parts: readonly CompressedPart[],
  { options, step }: { options: BuildOptions; step: StepRunner },
): Promise<string[]> {
  const { outDir, signal } = options;
  await mkdir(outDir, { recursive: true });
  const initramfs = join(outDir, 'initramfs.img');
  await copyFile(vmlinuz, join(outDir, 'vmlinuz'));
  const paths = parts.map(({ path }) => path);
  await concatenateParts(paths, initramfs);
  const netboot = await writeNetbootTree(packages, efi, join(outDir, 'tftp'));
  await writeHttpBootImage({ packages, efi, epochSeconds, signal }, join(outDir, 'http-boot.img'));
  await step('iso', async () => {
    const kernelOptions = isoOptionsOf(options);
    const iso = { packages, efi, vmlinuz, initramfs, kernelOptions, epochSeconds, signal };
    await writeIso(iso, join(outDir, isoName));
    return { cached: false };
  });
  return ['vmlinuz', 'initramfs.img', isoName, 'http-boot.img', ...netboot.map((name) => `tftp/${name}`)];
}

type CompressContext = { readonly cache: BuildCache; readonly kernel: Ingredients; readonly options: BuildOptions };

/** All parts side by side, in the order of the archive. */
async function compressAll(trees: Readonly<Record<PartName, FileTree>>, context: CompressContext) {
  const { cache, kernel, options } = context;
  const packings = packingsOf(kernel.facts);
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
