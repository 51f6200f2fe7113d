// What stages 7 and 8 share: a FAT image with shim, which UEFI firmware starts, and GRUB, which shim starts.
import { join } from 'node:path';
import type { EfiFacts } from '../architecture.ts';
import { runTool } from '../run-tool.ts';
import type { UnpackedPackage } from './fetch-packages.ts';

export type EspOptions = {
  readonly packages: ReadonlyMap<string, UnpackedPackage>;
  readonly efi: EfiFacts;
  /** Debian's signed GRUB for CDs or for network boot. */
  readonly grub: 'gcd' | 'grubnet';
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
  const { packages, efi, grub, sizeKiB, serialNumber, grubFiles = {}, epochSeconds, signal } = options;
  const from = (name: string, file: string) => join(packages.get(name)?.dir ?? '', file);
  const env = { SOURCE_DATE_EPOCH: String(epochSeconds), MTOOLSRC: '/dev/null' };
  const run = (tool: string, args: readonly string[]) => runTool(tool, args, { env, signal, hint: 'install mtools' });
  const geometry = ['-T', String(sizeKiB * 2), '-h', '16', '-s', '63', '-N', serialNumber];
  await run('mformat', ['-C', '-i', image, ...geometry, '::']);
  const folders = ['::/EFI', '::/EFI/BOOT', ...(options.grubFiles === undefined ? [] : ['::/grub'])];
  await run('mmd', ['-i', image, ...folders]);
  const { suffix } = efi;
  const copies = [
    [from('shim-signed', `usr/lib/shim/shim${suffix}.efi.signed`), `EFI/BOOT/BOOT${suffix.toUpperCase()}.EFI`],
    [from(efi.shimHelpersPackage, `usr/lib/shim/mm${suffix}.efi.signed`), `EFI/BOOT/mm${suffix}.efi`],
    [from(efi.grubPackage, `usr/lib/grub/${efi.grubFolder}/${grub}${suffix}.efi.signed`), `EFI/BOOT/grub${suffix}.efi`],
    ...Object.entries(grubFiles).map(([name, file]) => [file, `grub/${name}`] as const),
  ] as const;
  for (const [source, to] of copies) await run('mcopy', ['-i', image, source, `::/${to}`]);
}
