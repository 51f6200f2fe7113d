// Stage 2, only with `--kernel custom`: a kernel of one's own, compiled from Debian's source with the drivers that the concerns ask for.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, copyFile, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { checkKernelConfig } from '../../kernel-config/check-kernel-config.ts';
import type { KernelConcern } from '../../kernel-config/concern.ts';
import { listUnkept, writeFragment } from '../../kernel-config/custom-kernel.ts';
import { DeployError } from '../../protocol/errors.ts';
import { type BuildCache, hashOf } from '../build-cache.ts';
import { runTool } from '../run-tool.ts';
import type { UnpackedPackage } from './fetch-packages.ts';
import { collectKernelModules } from './kernel-modules.ts';

export const kernelSourcePackage = 'linux-source-6.12';

/** Bumped when the outcome of this stage changes for the same inputs. */
const stageVersion = 1;

export type CustomKernelOptions = {
  /** Debian's kernel of the same processor: its configuration is where this one's begins. */
  readonly debian: { readonly kernel: UnpackedPackage; readonly release: string; readonly config: string };
  readonly source: UnpackedPackage;
  readonly concerns: readonly KernelConcern[];
  /** Since 1970: the date that the kernel says it was built on. */
  readonly epochSeconds: number;
  readonly cache: BuildCache;
  /** What is being compiled, and how many files were. */
  readonly onFile?: ((file: string, count: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * As Debian's package of a kernel would be: boot/vmlinuz-…, boot/config-…, lib/modules/…; compiled once for the same inputs. Throws `build-failed`,
 * and `kernel-option-missing` when the configuration does not keep what was asked for.
 */
export async function compileKernel(
  options: CustomKernelOptions,
): Promise<{ kernel: UnpackedPackage; cached: boolean }> {
  const { debian, source, concerns, cache, epochSeconds } = options;
  const config = await readFile(debian.config, 'utf8');
  const fragment = writeFragment(concerns, config);
  const modules = await listModules(options);
  const key = hashOf({ stageVersion, source: source.sha256, config, fragment, modules, epochSeconds });
  const { path, cached } = await cache.obtain('kernels', key, async (to) => {
    await checkBuildTools();
    const tree = `${to}-source`;
    try {
      await unpackSource(source, tree, options.signal);
      await configure(tree, { config, fragment, modules, concerns, signal: options.signal });
      await make(tree, options);
      await install(tree, to, options);
    } finally {
      await rm(tree, { recursive: true, force: true });
    }
  });
  return { kernel: { name: 'linux-image-custom', version: source.version, sha256: key, dir: path }, cached };
}

/** The names of the modules that the concerns choose of Debian's. */
async function listModules({ debian, concerns, cache, signal }: CustomKernelOptions): Promise<string[]> {
  const { kernel, release } = debian;
  const { root } = await collectKernelModules({ kernel, release, concerns, cache, signal });
  const files = await readdir(join(root, 'lib/modules'), { recursive: true });
  const names = files.filter((file) => file.endsWith('.ko')).map((file) => basename(file, '.ko').replaceAll('-', '_'));
  return names.sort();
}

/** A program or a header, and Debian's package with it. */
const needed = [
  ['/usr/bin/make', 'make'],
  ['/usr/bin/gcc', 'gcc'],
  ['/usr/bin/bc', 'bc'],
  ['/usr/bin/bison', 'bison'],
  ['/usr/bin/flex', 'flex'],
  ['/usr/bin/perl', 'perl'],
  ['/usr/bin/zstd', 'zstd'],
  ['/usr/include/libelf.h', 'libelf-dev'],
  ['/usr/include/openssl/opensslv.h', 'libssl-dev'],
] as const;

/** `root`: where to look; default /. Throws `build-failed`, naming every package that is missing. */
export async function checkBuildTools(root = '/'): Promise<void> {
  const missing: string[] = [];
  for (const [file, name] of needed) {
    await access(join(root, file)).catch(() => missing.push(name));
  }
  if (missing.length === 0) return;
  throw new DeployError(
    'build-failed',
    `compiling a kernel needs packages that are not installed: ${missing.join(', ')}`,
    {
      hint: `apt-get install ${missing.join(' ')}`,
    },
  );
}

async function unpackSource({ dir }: UnpackedPackage, tree: string, signal: AbortSignal | undefined): Promise<void> {
  await mkdir(tree);
  const archive = join(dir, 'usr/src', `${kernelSourcePackage}.tar.xz`);
  await runTool('tar', ['-C', tree, '--strip-components=1', '--no-same-owner', '-xf', archive], { signal });
}

type Configuration = {
  readonly config: string;
  readonly fragment: string;
  readonly modules: readonly string[];
  readonly concerns: readonly KernelConcern[];
  readonly signal: AbortSignal | undefined;
};

/** Debian's configuration, without the modules that are not asked for (streamline_config.pl is what `make localmodconfig` runs), then the fragment. */
async function configure(tree: string, wanted: Configuration): Promise<void> {
  const { config, fragment, modules, concerns, signal } = wanted;
  const run = (command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    runTool(command, args, { cwd: tree, env: { ...kernelEnv, ...env }, signal });
  await writeFile(join(tree, '.config'), config);
  // As lsmod prints them: name, size, users.
  const loaded = ['Module Size Used by', ...modules.map((name) => `${name} 1 0`)];
  await writeFile(join(tree, 'wanted-modules'), `${loaded.join('\n')}\n`);
  await writeFile(join(tree, 'wanted-options'), fragment);
  await run('make', ['olddefconfig']);
  const streamline = ['scripts/kconfig/streamline_config.pl', '--localmodconfig', '.', 'Kconfig'];
  const reduced = await run('perl', streamline, { LSMOD: 'wanted-modules', SRCARCH: 'x86', srctree: '.' });
  await writeFile(join(tree, '.config'), reduced);
  await run('scripts/kconfig/merge_config.sh', ['-m', '.config', 'wanted-options']);
  await run('make', ['olddefconfig']);
  const made = await readFile(join(tree, '.config'), 'utf8');
  checkKernelConfig(made, concerns);
  const unkept = listUnkept(fragment, made);
  if (unkept.length === 0) return;
  throw new DeployError('kernel-option-missing', `the kernel's configuration does not keep ${unkept.join('; ')}`, {
    hint: 'see kernel-config/custom-kernel.ts: something else selects it, or it depends on what was left out',
  });
}

/** Nothing of this computer is in the kernel. */
const kernelEnv = { KBUILD_BUILD_USER: 'deploy-os', KBUILD_BUILD_HOST: 'deploy-os' };
const lastLines = 20;

/** Behind everything else that runs here. */
async function make(tree: string, { epochSeconds, cache, onFile, signal }: CustomKernelOptions): Promise<void> {
  const compilers = (await hasCcache()) ? ['CC=ccache gcc', 'HOSTCC=ccache gcc'] : [];
  const args = ['-n', '19', 'make', `-j${availableParallelism()}`, ...compilers, 'bzImage', 'modules'];
  const dates = { KBUILD_BUILD_TIMESTAMP: `@${epochSeconds}`, TZ: 'UTC', LC_ALL: 'C' };
  // Compiled in another folder each time, the files are the same.
  const ccache = { CCACHE_DIR: join(cache.dir, '../ccache'), CCACHE_NOHASHDIR: '1' };
  // Without a home of somebody's, a compiler in it is not found, and not asked for its version.
  const env = { PATH: process.env.PATH, HOME: '/nonexistent', ...kernelEnv, ...dates, ...ccache };
  const child = spawn('nice', args, { cwd: tree, env, stdio: ['ignore', 'pipe', 'pipe'], signal });
  const ended = once(child, 'close');
  const said: string[] = [];
  let count = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const file = /^ {2}(?:CC|AS)\b.* (\S+)$/.exec(line)?.[1];
    if (file !== undefined) onFile?.(file, ++count);
  });
  createInterface({ input: child.stderr }).on('line', (line) => {
    said.push(line);
    if (said.length > lastLines) said.shift();
  });
  const [status] = await ended.catch((thrown: unknown) => {
    if (signal?.aborted) throw new DeployError('cancelled', 'the build was stopped', { cause: thrown });
    throw thrown;
  });
  if (status !== 0) throw new DeployError('build-failed', `compiling the kernel: ${said.join('; ')}`);
}

async function hasCcache(): Promise<boolean> {
  return await access('/usr/bin/ccache').then(
    () => true,
    () => false,
  );
}

async function install(tree: string, to: string, { epochSeconds, signal }: CustomKernelOptions): Promise<void> {
  const release = (await readFile(join(tree, 'include/config/kernel.release'), 'utf8')).trim();
  await mkdir(join(to, 'boot'), { recursive: true });
  const vmlinuz = join(to, `boot/vmlinuz-${release}`);
  await copyFile(join(tree, 'arch/x86/boot/bzImage'), vmlinuz);
  await utimes(vmlinuz, epochSeconds, epochSeconds);
  await copyFile(join(tree, '.config'), join(to, `boot/config-${release}`));
  const where = [`INSTALL_MOD_PATH=${to}`, 'INSTALL_MOD_STRIP=1', 'DEPMOD=true', 'modules_install'];
  await runTool('make', where, { cwd: tree, env: kernelEnv, signal });
  for (const link of ['build', 'source']) await rm(join(to, 'lib/modules', release, link), { force: true });
}
