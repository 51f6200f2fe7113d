// The record of a build: what went in, what came out, and how large each part is.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture } from '../kernel-config/concern.ts';
import { hashFile } from './build-cache.ts';
import type { UnpackedPackage } from './stages/fetch-packages.ts';
import type { DriverFirmware } from './stages/wanted-firmware.ts';

export type BuiltFile = { readonly path: string; readonly sizeBytes: number; readonly sha256: string };
export type BuiltPart = { readonly name: string; readonly unpackedBytes: number; readonly compressedBytes: number };

export type BuildManifest = {
  readonly formatVersion: 1;
  readonly architecture: Architecture;
  readonly kernelRelease: string;
  /** Whether Secure Boot starts it: Debian's kernel is signed, one's own is not. */
  readonly secureBoot: boolean;
  /** `sha256` is that of the binary as it comes from npm. */
  readonly node: { readonly version: string; readonly sha256: string };
  /** Debian packages by name; `sha256` is that of the .deb. */
  readonly packages: readonly { readonly name: string; readonly version: string; readonly sha256: string }[];
  /** Drivers that name firmware which is not in (initramfs/firmware/README.md); many of them do without. */
  readonly firmwareAbsent: readonly DriverFirmware[];
  /** Where in the ISO the words for the kernel lie, which a server changes when it gives the ISO away. */
  readonly medium: { readonly path: string; readonly settingsOffset: number; readonly settingsBytes: number };
  /** The kernel and what the initramfs is made of, in the order of the archive. */
  readonly parts: readonly BuiltPart[];
  /** Everything in the output folder but this record itself; paths from that folder. */
  readonly files: readonly BuiltFile[];
};

export async function describeFiles(outDir: string, paths: readonly string[]): Promise<BuiltFile[]> {
  return await Promise.all(
    paths.map(async (path) => {
      const file = join(outDir, path);
      return { path, sizeBytes: (await stat(file)).size, sha256: await hashFile(file) };
    }),
  );
}

export function listPackages(packages: ReadonlyMap<string, UnpackedPackage>): BuildManifest['packages'] {
  return [...packages.values()].map(({ name, version, sha256 }) => ({ name, version, sha256 }));
}
