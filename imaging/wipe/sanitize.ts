// A disk that erases itself: which ways it has for that, by what it says of itself. Nothing here is sent to a disk that has not named it.
import { readFile, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type AtaFacts, identifyAta, parseIdentify } from './ata-identify.ts';
import { findAtaSanitizers, readAtaSanitize } from './ata-sanitize.ts';
import { findSecureErase } from './ata-secure-erase.ts';
import { findNvmeSanitizers, readNvmeSanitizeIfAny } from './nvme-sanitize.ts';
import type { EraseState } from './poll-erase.ts';
import type { EraseFacts } from './sanitizer.ts';
import { findScsiSanitizers, readScsiSanitize } from './scsi-sanitize.ts';

/** What is at a device path; null for what is not asked: files, arrays, mappings, disks behind USB, whose bridges may hang on a command that they do not know. */
async function kindOf(path: string): Promise<'nvme' | 'ata' | 'scsi' | null> {
  const node = await realpath(path).catch(() => path);
  if (/^\/dev\/nvme\d+n\d+$/.test(node)) return 'nvme';
  if (!/^\/dev\/sd[a-z]+$/.test(node)) return null;
  const sysfs = join('/sys/class/block', basename(node));
  if (/\/usb\d+\//.test(await realpath(sysfs).catch(() => '/usb0/'))) return null;
  const vendor = await readFile(join(sysfs, 'device/vendor'), 'utf8').catch(() => '');
  return vendor.trim() === 'ATA' || (await readAtaPage(path)) !== null ? 'ata' : 'scsi';
}

/** What the kernel keeps of the ATA Information page (SAT-5, 12.5.2), as the disk was when it was found. */
async function readAtaPage(path: string): Promise<AtaFacts | null> {
  const node = await realpath(path).catch(() => path);
  const file = join('/sys/class/block', basename(node), 'device/vpd_pg89');
  const page = await readFile(file).catch(() => Buffer.alloc(0));
  return parseIdentify(page.subarray(60, 572));
}

/**
 * The ways of the disk, strongest first, as it is now; `withPassword`: also those that need the password that it has, which may be ours.
 * @throws DeployError tool-missing
 */
export async function findSanitizers(
  { path, label }: { readonly path: string; readonly label: string },
  { withPassword = false }: { readonly withPassword?: boolean } = {},
): Promise<EraseFacts> {
  const kind = await kindOf(path);
  if (kind === null)
    return { sanitizers: [], hindrances: ['it is no NVMe, SATA or SCSI disk that can be asked for that'] };
  if (kind === 'nvme') return await findNvmeSanitizers(path, label);
  if (kind === 'scsi') return { sanitizers: await findScsiSanitizers(path, label), hindrances: [] };
  const facts = await identifyAta(path);
  if (facts === null) return { sanitizers: [], hindrances: ['its controller does not let it be asked'] };
  const [first, second] = [
    await findAtaSanitizers(path, label, facts),
    findSecureErase(path, label, { ...facts, withPassword }),
  ];
  return {
    sanitizers: [...first.sanitizers, ...second.sanitizers],
    hindrances: [...first.hindrances, ...second.hindrances],
  };
}

/** How far a sanitize is that runs in the disk by now; null where none runs, or nobody can ask. */
export async function readRunningErase(path: string): Promise<EraseState | null> {
  const now = await readErase(path).catch(() => null);
  return now?.state === 'running' ? now : null;
}

async function readErase(path: string): Promise<EraseState | null> {
  const kind = await kindOf(path);
  if (kind === null) return null;
  if (kind === 'nvme') return await readNvmeSanitizeIfAny(path);
  if (kind === 'scsi') return await readScsiSanitize(path);
  const { block, overwrite, crypto } = (await readAtaPage(path))?.sanitize ?? {};
  return block || overwrite || crypto ? await readAtaSanitize(path) : null;
}
