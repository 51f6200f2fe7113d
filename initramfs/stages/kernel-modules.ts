// Stage 3: of the kernel's four thousand modules the ones that the concerns ask for, what those depend on, and the index of both.
import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { KernelConcern } from '../../kernel-config/concern.ts';
import { DeployError } from '../../protocol/errors.ts';
import { type BuildCache, hashFile, hashOf } from '../build-cache.ts';
import { FileTree } from '../file-tree.ts';
import { runTool } from '../run-tool.ts';
import type { UnpackedPackage } from './fetch-packages.ts';
import { chooseModules, orderOfLoading, parseModuleIndex } from './module-index.ts';
import { findPacker, type ImageFacts, packImage } from './squashfs.ts';
import { type DriverFirmware, listWantedFirmware } from './wanted-firmware.ts';

/** Bumped when the outcome of this stage changes for the same kernel and concerns. */
const stageVersion = 4;
/** kmod and udev read the binary tables; symbols are of use to depmod alone. */
const unusedTables = ['modules.alias', 'modules.symbols', 'modules.symbols.bin'];

export type ModulesOptions = {
  readonly kernel: UnpackedPackage;
  readonly release: string;
  readonly concerns: readonly KernelConcern[];
  readonly cache: BuildCache;
  readonly signal?: AbortSignal | undefined;
};

const digestName = 'digest';
/** What mounts an image: these modules are needed before there is one. */
const mounting = ['loop', 'squashfs'];

/**
 * The modules as an image of their own, what firmware they name, and `early`: those that mount it, unpacked, as files named in the order in which they are to be
 * loaded. Packed together they take a tenth less than each by itself. Throws `build-failed` for a module that the kernel does not have.
 */
export async function packKernelModules(
  options: ModulesOptions & { readonly image: ImageFacts },
): Promise<{ tree: FileTree; early: FileTree; firmware: readonly DriverFirmware[]; cached: boolean }> {
  const { release, cache, signal } = options;
  const { root, digest } = await collectKernelModules(options);
  const folder = join(root, 'lib/modules');
  const packer = await findPacker(options.image, '1M');
  const image = await cache.obtain('module-images', `${hashOf({ digest, packer })}.squashfs`, async (to) => {
    await packImage(folder, to, packer, signal);
  });
  const tree = new FileTree();
  tree.addFile('usr/lib/modules.squashfs', image.path);
  tree.add({ kind: 'directory', path: 'usr/lib/modules', mode: 0o755 });
  const early = new FileTree();
  const order = orderOfLoading(await readFile(join(folder, release, 'modules.dep'), 'utf8'), mounting);
  for (const [i, file] of order.entries()) {
    early.addFile(`usr/lib/deploy-os/modules/${i}-${basename(file)}`, join(folder, release, file));
  }
  const firmware = await listWantedFirmware(root, { digest, cache, signal });
  return { tree, early, firmware, cached: image.cached };
}

/**
 * A root with nothing but /lib/modules, and the digest of what is in it. Throws `build-failed` for a module that the kernel has neither as
 * a file nor built in.
 */
export async function collectKernelModules(options: ModulesOptions): Promise<{ root: string; digest: string }> {
  const { kernel, concerns, cache } = options;
  const wanted = concerns.map(({ modules, leaveOut = [] }) => ({ modules, leaveOut }));
  const key = hashOf({ stageVersion, kernel: kernel.sha256, wanted });
  const { path } = await cache.obtain('modules', key, async (dir) => await reduceModules(options, dir));
  return { root: path, digest: await readFile(join(path, digestName), 'utf8') };
}

async function reduceModules({ kernel, release, concerns, signal }: ModulesOptions, dir: string): Promise<void> {
  const whole = `${dir}-whole`;
  const wholeModules = join(whole, 'lib/modules', release);
  await cp(join(kernel.dir, 'lib/modules', release), wholeModules, { recursive: true });
  await runDepmod(whole, release, signal);
  const index = parseModuleIndex({
    dep: await readFile(join(wholeModules, 'modules.dep'), 'utf8'),
    softdep: await readFile(join(wholeModules, 'modules.softdep'), 'utf8'),
    alias: await readFile(join(wholeModules, 'modules.alias'), 'utf8'),
    builtin: await readFile(join(wholeModules, 'modules.builtin'), 'utf8'),
  });
  const { files, unknown } = chooseModules(index, concerns);
  if (unknown.length > 0) {
    throw new DeployError('build-failed', `kernel ${release} has no module ${unknown.join(', ')}`, {
      hint: 'correct the concern in kernel-config/ that names it',
    });
  }
  const reduced = join(dir, 'lib/modules', release);
  for (const file of files) {
    await mkdir(join(reduced, dirname(file)), { recursive: true });
    await copyFile(join(wholeModules, file), join(reduced, file));
  }
  // Signatures are those of the unpacked modules.
  const packed = files.filter((file) => file.endsWith('.xz')).map((file) => join(reduced, file));
  if (packed.length > 0) await runTool('xz', ['--decompress', ...packed], { signal, hint: 'install xz-utils' });
  await copyIndexSources(wholeModules, reduced, new Set(files));
  await runDepmod(dir, release, signal);
  for (const name of unusedTables) await rm(join(reduced, name));
  const names = (await readdir(reduced, { withFileTypes: true, recursive: true })).filter((entry) => entry.isFile());
  const paths = names.map((entry) => join(entry.parentPath, entry.name)).sort();
  const digests = await Promise.all(paths.map(async (path) => [path.slice(reduced.length), await hashFile(path)]));
  await writeFile(join(dir, digestName), hashOf(digests));
}

/** What depmod reads besides the modules; the order of loading keeps only the lines of modules that are there. */
async function copyIndexSources(from: string, to: string, files: ReadonlySet<string>): Promise<void> {
  for (const name of ['modules.builtin', 'modules.builtin.modinfo']) await copyFile(join(from, name), join(to, name));
  const order = (await readFile(join(from, 'modules.order'), 'utf8')).split('\n');
  const kept = order.filter(
    (line) => files.has(line) || files.has(`${line}.xz`) || files.has(`${line.replace(/\.o$/, '.ko')}.xz`),
  );
  await writeFile(join(to, 'modules.order'), `${kept.join('\n')}\n`);
}

async function runDepmod(root: string, release: string, signal: AbortSignal | undefined): Promise<void> {
  await runTool('depmod', ['-b', root, release], { signal, hint: 'install kmod' });
}
