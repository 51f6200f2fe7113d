import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BuildOptions, type BuildStep, buildDeployOs } from '../../initramfs/build.ts';
import { defaultCacheDir } from '../../initramfs/build-cache.ts';
import { runsAll } from '../fixtures/run-all.ts';

const fixtures = join(import.meta.dirname, '../fixtures/initramfs');
const entries = { agentEntry: join(fixtures, 'agent.ts'), workerEntry: join(fixtures, 'worker.ts') };
const emptyCacheMs = 900_000;

describe('deploy-os build', () => {
  let dir: string;

  /** What the outputs are, and the names of the steps that made something. */
  async function build(name: string, options: Partial<BuildOptions> = {}) {
    const steps: BuildStep[] = [];
    const outDir = join(dir, name);
    const manifest = await buildDeployOs({ outDir, ...entries, onStep: (step) => steps.push(step), ...options });
    return { manifest, steps, text: await readFile(join(outDir, 'build-manifest.json'), 'utf8') };
  }

  let first: Awaited<ReturnType<typeof build>>;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'reproducible-build-'));
    first = await build('first');
  }, emptyCacheMs);

  afterAll(async () => await rm(dir, { recursive: true, force: true }));

  test('gives the same bytes again from the cache', async () => {
    const second = await build('second');
    expect(second.text).toBe(first.text);
    expect(second.steps.filter(({ cached }) => cached).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['packages', 'modules', 'node', 'compress']),
    );
  });

  test.skipIf(!runsAll)(
    'gives the same bytes when it is made again from the same packages',
    {
      timeout: emptyCacheMs,
    },
    async () => {
      // Node's image is not made again: it takes a minute. That of the modules and the parts are kept by what is in them: they are made again if
      // that is not the same, and that one archive is compressed to the same bytes every time, test/initramfs/compress-archive.test.ts holds.
      const cacheDir = join(dir, 'cache');
      await mkdir(cacheDir);
      for (const kind of ['packages', 'unpacked', 'node', 'module-images', 'parts'])
        await symlink(join(defaultCacheDir(), kind), join(cacheDir, kind));
      const third = await build('third', { cacheDir });
      expect(third.text).toBe(first.text);
    },
  );

  test('the manifest names every package with its digest, and every file that was written', () => {
    const { manifest } = first;
    for (const { name, version, sha256 } of manifest.packages) {
      expect([name, version]).not.toContain('');
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(manifest.packages.map(({ name }) => name)).toContain(`linux-image-${manifest.kernelRelease}`);
    expect(manifest.files.map(({ path }) => path)).toEqual([
      'vmlinuz',
      'initramfs.img',
      'deploy-os.iso',
      'http-boot.img',
      'tftp/undionly.kpxe',
      'tftp/snponly.efi',
      'tftp/shimx64.efi',
      'tftp/mmx64.efi',
      'tftp/grubx64.efi',
      'tftp/grub/grub.cfg',
    ]);
  });

  test('the Deploy-OS, and each part of it, is within its budget', async () => {
    const { total, parts } = JSON.parse(
      await readFile(join(import.meta.dirname, '../../initramfs/size-budget.json'), 'utf8'),
    ) as {
      total: number;
      parts: Record<string, number>;
    };
    const { manifest } = await build('whole', { agentEntry: undefined, workerEntry: undefined });
    const loaded = manifest.files.filter(({ path }) => ['vmlinuz', 'initramfs.img'].includes(path));
    expect(loaded.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBeLessThanOrEqual(total);
    expect(manifest.parts.map(({ name }) => name).sort()).toEqual(Object.keys(parts).sort());
    for (const { name, compressedBytes } of manifest.parts)
      expect(compressedBytes, name).toBeLessThanOrEqual(parts[name] ?? 0);
  });

  test('another agent changes the initramfs and leaves the large parts alone', async () => {
    const other = await build('other', { agentEntry: entries.workerEntry });
    const digestOf = ({ manifest }: typeof first) =>
      manifest.files.find(({ path }) => path === 'initramfs.img')?.sha256;
    expect(digestOf(other)).not.toBe(digestOf(first));
    const large = ['system', 'modules', 'node'];
    const partsOf = ({ manifest }: typeof first) => manifest.parts.filter(({ name }) => large.includes(name));
    expect(partsOf(other)).toEqual(partsOf(first));
  });

  test('an agent that does not bundle fails the build by name', async () => {
    const broken = build('broken', { agentEntry: join(fixtures, 'no-such-agent.ts') });
    await expect(broken).rejects.toMatchObject({
      code: 'build-failed',
      message: expect.stringContaining('no-such-agent'),
    });
  });
});
