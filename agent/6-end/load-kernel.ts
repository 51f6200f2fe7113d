// Last stage, kexec: the Linux that has been restored is loaded beside the running kernel, which then needs no firmware to start it.
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disk, DiskPartition } from '../../imaging/blockdev/disk.ts';
import { runBounded } from '../1-boot/bounded-tool.ts';
import { readAvailableMemory } from '../5-job/workers.ts';
import type { Log } from '../screen/status.ts';
import {
  type BootEntry,
  findGrubEntry,
  type GrubEnvironment,
  type NoEntry,
  parseGrubEnvironment,
  parseLoaderEntry,
  usesLoaderEntries,
} from './boot-entry.ts';
import { type BootFiles, openBootFiles } from './boot-files.ts';

const workFolder = '/run/deploy-os/kexec';
/** Where GRUB's configuration is, seen from its own file system: /boot is one, or a folder. */
const grubFolders = ['/boot/grub', '/boot/grub2', '/grub', '/grub2'];
const maxConfigBytes = 1024 * 1024;
const maxKernelBytes = 128 * 1024 * 1024;
const loadWithinMs = 60_000;

type Part = { readonly partition: DiskPartition; readonly files: BootFiles };
type Found = { readonly entry: BootEntry; readonly part: Part };

/**
 * Loads what the boot loader of `disk` would start, where that is told plainly, and says what. False, with the reason in the log, where it is
 * not: the machine then reboots. Nothing is written to the disk.
 */
export async function loadKernel(disk: Disk, log: Log): Promise<boolean> {
  const parts: Part[] = [];
  const refuse = (reason: string) => refuseKexec(reason, log);
  try {
    await mkdir(workFolder, { recursive: true });
    for (const partition of disk.partitions) {
      const folder = join(workFolder, `partition-${partition.number}`);
      const files = await openBootFiles(partition.devicePath, partition.contents?.type ?? null, folder);
      if (files !== null) parts.push({ partition, files });
    }
    const found = await findEntry(parts);
    if ('reason' in found) return refuse(found.reason);
    const failure = await load(found);
    if (failure !== null) return refuse(failure);
    const { title, kernel, options } = found.entry;
    log('info', `kexec: '${title}' is loaded: ${kernel} of ${found.part.partition.devicePath}, with '${options}'`);
    return true;
  } catch (thrown) {
    return refuse(thrown instanceof Error ? thrown.message : String(thrown));
  } finally {
    for (const { files } of parts) await files.close();
    await rm(workFolder, { recursive: true, force: true }).catch(() => undefined);
  }
}

export function refuseKexec(reason: string, log: Log): false {
  log('warning', `kexec: ${reason}; the machine reboots instead, by its firmware and boot loader`);
  return false;
}

/** The one configuration of GRUB's that the disk has; without any, the one place of loader entries. */
async function findEntry(parts: readonly Part[]): Promise<Found | NoEntry> {
  const configs: { part: Part; folder: string; text: string }[] = [];
  for (const part of parts) {
    for (const folder of grubFolders) {
      const text = await readText(part, `${folder}/grub.cfg`);
      if (text !== null) configs.push({ part, folder, text });
    }
  }
  const [config, ...others] = configs;
  if (config === undefined) return { reason: 'no configuration of GRUB was found on the disk' };
  if (others.length > 0) return { reason: 'the disk has several configurations of GRUB' };
  const environment = parseGrubEnvironment((await readText(config.part, `${config.folder}/grubenv`)) ?? '');
  if (usesLoaderEntries(config.text)) return await findLoaderEntry(config, environment);
  const entry = findGrubEntry(config.text, environment);
  if ('reason' in entry) return entry;
  const { fileSystemUuid } = entry;
  const isIt = ({ partition }: Part) => partition.contents?.uuid?.toLowerCase() === fileSystemUuid?.toLowerCase();
  const part = fileSystemUuid === null ? config.part : parts.find(isIt);
  return part === undefined
    ? { reason: `no file system that can be read has the id ${fileSystemUuid}` }
    : { entry, part };
}

/** By the entry that GRUB's environment has saved, or the only one. */
async function findLoaderEntry(
  { part, folder }: { part: Part; folder: string },
  environment: GrubEnvironment,
): Promise<Found | NoEntry> {
  const entries = `${folder.replace(/\/grub2?$/, '')}/loader/entries`;
  const names = (await part.files.list(entries)).filter((name) => /^[\w.@:+,-]+\.conf$/.test(name));
  const usual = names.filter((name) => !name.includes('-rescue'));
  const saved = environment.get('saved_entry');
  const name = saved
    ? names.find((candidate) => candidate === `${saved}.conf`)
    : usual.length === 1
      ? usual[0]
      : undefined;
  const text = name === undefined ? null : await readText(part, `${entries}/${name}`);
  if (text === null) return { reason: `which of the ${names.length} entries in ${entries} is the default is not said` };
  const entry = parseLoaderEntry(text, environment);
  return 'reason' in entry ? entry : { entry, part };
}

async function readText({ files }: Part, path: string): Promise<string | null> {
  const to = join(workFolder, 'text');
  const there = await files.copy(path, to, maxConfigBytes);
  return there ? await readFile(to, 'utf8') : null;
}

/** Why not, or null. By kexec_file_load(2), which under Secure Boot takes signed kernels, and without it any. */
async function load({ entry, part }: Found): Promise<string | null> {
  const [kernel, initrd] = ['kernel', 'initrd'].map((name) => join(workFolder, name)) as [string, string];
  // It is held twice: here, and where the kernel keeps it.
  const room = Math.floor((await readAvailableMemory()) / 3);
  if (!(await part.files.copy(entry.kernel, kernel, Math.min(maxKernelBytes, room)))) {
    return `${entry.kernel}, the kernel of '${entry.title}', cannot be read, or is too large for this machine's memory`;
  }
  if (entry.initrd !== null && !(await part.files.copy(entry.initrd, initrd, room))) {
    return `${entry.initrd}, the initial RAM disk of '${entry.title}', cannot be read, or is too large for this machine's memory`;
  }
  const more = entry.initrd === null ? [] : [`--initrd=${initrd}`];
  const args = ['--kexec-file-syscall', '--load', kernel, ...more, `--command-line=${entry.options}`];
  const { ok, said } = await runBounded('kexec', args, loadWithinMs);
  return ok ? null : `the kernel refuses '${entry.title}' (${said.replaceAll('\n', '; ')})`;
}
