// What stages 7 and 8 share: a FAT image with shim, which UEFI firmware starts, and GRUB, which shim starts.
import { join } from 'node:path';
import { runTool } from '../run-tool.ts';
import type { UnpackedPackage } from './fetch-packages.ts';

export type EspOptions = {
  readonly packages: ReadonlyMap<string, UnpackedPackage>;
  /** Debian's signed GRUB for CDs (`gcdx64`) or for network boot (`grubnetx64`). */
  readonly grub: 'gcdx64' | 'grubnetx64';
  readonly sizeKiB: number;
  /** Eight hex digits. */
  readonly serialNumber: string;
  /** Files of a folder `grub` beside it: name → where it is on the host. */
  readonly grubFiles?: Readonly<Record<string, string>>;
  readonly epochSeconds: number;
  readonly signal?: AbortSignal | undefined;
};

/** Needs mtools on the host. */
export async function writeEspImage(options: EspOptions, image: string): Promise<void> {
  const { packages, grub, sizeKiB, serialNumber, grubFiles = {}, epochSeconds, signal } = options;
  const from = (name: string, file: string) => join(packages.get(name)?.dir ?? '', file);
  const env = { SOURCE_DATE_EPOCH: String(epochSeconds), MTOOLSRC: '/dev/null' };
  const run = (tool: string, args: readonly string[]) => runTool(tool, args, { env, signal, hint: 'install mtools' });
  const geometry = ['-T', String(sizeKiB * 2), '-h', '16', '-s', '63', '-N', serialNumber];
  await run('mformat', ['-C', '-i', image, ...geometry, '::']);
  const folders = ['::/EFI', '::/EFI/BOOT', ...(options.grubFiles === undefined ? [] : ['::/grub'])];
  await run('mmd', ['-i', image, ...folders]);
  const copies = [
    [from('shim-signed', 'usr/lib/shim/shimx64.efi.signed'), 'EFI/BOOT/BOOTX64.EFI'],
    [from('shim-helpers-amd64-signed', 'usr/lib/shim/mmx64.efi.signed'), 'EFI/BOOT/mmx64.efi'],
    [from('grub-efi-amd64-signed', `usr/lib/grub/x86_64-efi-signed/${grub}.efi.signed`), 'EFI/BOOT/grubx64.efi'],
    ...Object.entries(grubFiles).map(([name, file]) => [file, `grub/${name}`] as const),
  ] as const;
  for (const [source, to] of copies) await run('mcopy', ['-i', image, source, `::/${to}`]);
}
