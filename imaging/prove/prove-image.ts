// The recipe of `image prove`: every chunk checked, every file system checked by its own tool, the disk booted; all on an overlay, nothing kept.
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { openImageReader } from '../image-reader.ts';
import { loadManifest } from '../manifest/load-image.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { type OverlayView, withOverlayView } from '../mount/overlay-view.ts';
import type { RunOptions } from '../progress.ts';
import type { ChunkStore, Digest } from '../store/chunk-store.ts';
import { type VerifyResult, verifyError, verifyImage } from '../verify.ts';
import { type BootOptions, type BootVerdict, bootImage } from './boot.ts';
import { checkFileSystem, type FileSystemVerdict } from './check-file-system.ts';

export type ProveOptions = RunOptions & {
  readonly imageName: string;
  readonly store: ChunkStore;
  readonly workers?: number;
  /** Boot it, too. */
  readonly boot?: BootOptions;
  /** Told of the chunks as soon as they are read, damaged or not. */
  readonly onVerified?: (result: VerifyResult) => void;
};

export type ProveResult = {
  readonly name: string;
  readonly rootDigest: Digest;
  /** Bytes of the disk whose chunks were fetched and checked. */
  readonly usedBytes: number;
  readonly fileSystems: readonly FileSystemVerdict[];
  readonly boot: BootVerdict | null;
  readonly seconds: number;
};

/**
 * Proves what can be proved of an image. Faults of file systems and of the boot are in the result (`proofError`), not thrown.
 * @throws image-not-found, chunk-not-found, chunk-corrupt, manifest-corrupt, mount-failed, tool-missing (FUSE's tools, QEMU), store-io, cancelled
 */
export async function proveImage(options: ProveOptions): Promise<ProveResult> {
  const startedMs = performance.now();
  const { imageName, store, signal } = options;
  try {
    const manifest = await loadManifest(store, imageName, signal);
    const verified = await verifyImage(options);
    options.onVerified?.(verified);
    const damage = verifyError(verified);
    if (damage !== null) throw damage;
    const onError = (error: Error) => options.onWarning?.(error.message);
    const reader = openImageReader(store, manifest);
    const proofs = await withOverlayView(reader, manifest.partitions, onError, (view) =>
      proveOn(view, manifest, options),
    );
    const { name, rootDigest, usedBytes } = manifest;
    return { name, rootDigest, usedBytes, ...proofs, seconds: Math.round(performance.now() - startedMs) / 1000 };
  } catch (thrown) {
    throw toDeployError(thrown).during(`proving '${imageName}'`);
  }
}

async function proveOn(
  view: OverlayView,
  manifest: Manifest,
  { boot, signal }: ProveOptions,
): Promise<Pick<ProveResult, 'fileSystems' | 'boot'>> {
  const fileSystems: FileSystemVerdict[] = [];
  for (const partition of manifest.partitions) {
    fileSystems.push(await checkFileSystem(view.partitionFile(partition.number), partition, signal));
  }
  return {
    fileSystems,
    boot: boot === undefined ? null : await bootImage(view.diskFile, manifest, { ...boot, signal }),
  };
}

/** What the result says against the image, as an error; null when nothing does. */
export function proofError({ name, fileSystems, boot }: ProveResult): DeployError | null {
  const faulty = fileSystems.filter(({ verdict }) => verdict === 'faulty');
  const faults = faulty.map(({ number, fileSystem, tool }) => {
    const where = number === 0 ? 'the disk' : `partition ${number}`;
    return `${where}: ${tool} finds the ${fileSystem} faulty`;
  });
  if (boot !== null && !boot.booted)
    faults.push(`it did not come up within ${Math.round(boot.seconds)} s (${boot.firmware}): ${boot.evidence}`);
  if (faults.length === 0) return null;
  return new DeployError('proof-failed', `'${name}' is not proved: ${faults.join('; ')}`, {
    hint: 'The image is what was captured: look at the source, and capture it again when it is mended.',
  });
}
