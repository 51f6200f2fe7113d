// Packs a folder as an image that the kernel mounts: of its files only what is read is unpacked, and can be dropped again.
import { runTool } from '../run-tool.ts';

const options = '-all-root -no-xattrs -noappend -quiet -no-progress'.split(' ');
/** Smaller blocks start a program sooner, larger ones pack tighter (docs/decisions/008-deploy-os-image.md). */
type BlockSize = '512K' | '1M';

/** What an image depends on besides its files: part of its key in the cache. */
export type Packer = { readonly options: readonly string[]; readonly epochSeconds: number; readonly version: string };

/** What every image of a build has in common; `epochSeconds`: since 1970, what every date in the image is set to. */
export type ImageFacts = { readonly epochSeconds: number; readonly squashfsFilter: readonly string[] };

/** Packs tightest. */
export async function findPacker(facts: ImageFacts, blockSize: BlockSize = '512K'): Promise<Packer> {
  return await makePacker(facts, ['xz', ...facts.squashfsFilter], blockSize);
}

/** Is unpacked several times as fast, for a tenth more: for what every start waits for (docs/decisions/039-boot-time.md). */
export async function findQuickPacker(facts: ImageFacts): Promise<Packer> {
  return await makePacker(facts, ['zstd', '-Xcompression-level', '22'], '1M');
}

async function makePacker(
  { epochSeconds }: ImageFacts,
  compressor: readonly string[],
  blockSize: BlockSize,
): Promise<Packer> {
  const text = await runTool('mksquashfs', ['-version'], { hint: 'install squashfs-tools' });
  const all = ['-comp', ...compressor, ...options, '-b', blockSize];
  return { options: all, epochSeconds, version: text.split('\n', 1)[0] ?? '' };
}

export async function packImage(folder: string, to: string, packer: Packer, signal?: AbortSignal): Promise<void> {
  const times = ['-mkfs-time', String(packer.epochSeconds), '-all-time', String(packer.epochSeconds)];
  await runTool('mksquashfs', [folder, to, ...packer.options, ...times], { signal });
}
