// A folder in which Clonezilla or FOG keeps the image of one disk: which of its files hold the table, the boot code and the partitions.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { unsupported } from './partclone-header.ts';
import { listParts } from './source-files.ts';

export type ImageFolder = {
  readonly format: 'clonezilla' | 'fog';
  /** What `sfdisk --dump` said of the disk. */
  readonly tableDump: string;
  /** Of the whole disk, where it is written down. */
  readonly sizeBytes: number | null;
  /** The first sector, for its boot code, and what follows it before the first partition. */
  readonly bootSector: Buffer | null;
  readonly afterBootSector: Buffer | null;
  readonly partitions: readonly { readonly number: number; readonly files: readonly string[] }[];
  /** Swap areas, which neither of them saves: made anew. */
  readonly swaps: readonly { readonly number: number; readonly uuid: string; readonly label: string }[];
};

/** @throws import-unsupported with the reason */
export async function readImageFolder(folder: string): Promise<ImageFolder> {
  const names = await readdir(folder);
  if (names.includes('d1.partitions')) return readFog(folder, names);
  if (names.includes('parts') && names.some((name) => name.endsWith('-pt.sf'))) return readClonezilla(folder, names);
  throw unsupported(folder, 'is a folder, but no image of Clonezilla (parts, *-pt.sf) or FOG (d1.partitions)');
}

async function readClonezilla(folder: string, names: readonly string[]): Promise<ImageFolder> {
  const disks = names.filter((name) => name.endsWith('-pt.sf')).map((name) => name.slice(0, -'-pt.sf'.length));
  const [disk = ''] = disks;
  if (disks.length !== 1) throw unsupported(folder, `holds ${disks.length} disks: only one can be imported at a time`);
  if (names.includes('lvm_vg_dev.list')) throw unsupported(folder, 'holds logical volumes (LVM), file by file');
  const parted = await readText(folder, names, `${disk}-pt.parted`);
  const sectors = /^Disk \S+: (\d+)s$/m.exec(parted)?.[1];
  const sectorBytes = Number(/^Sector size \(logical\/physical\): (\d+)B/m.exec(parted)?.[1] ?? 512);
  const parts = (await readText(folder, names, 'parts')).split(/\s+/).filter(Boolean);
  const swapFiles = names.filter((name) => /^swappt-.*\.info$/.test(name));
  return {
    format: 'clonezilla',
    tableDump: await readText(folder, names, `${disk}-pt.sf`),
    sizeBytes: sectors === undefined ? null : Number(sectors) * sectorBytes,
    bootSector: await readIfThere(folder, names, `${disk}-mbr`),
    afterBootSector: await readIfThere(folder, names, `${disk}-hidden-data-after-mbr`),
    partitions: await Promise.all(parts.flatMap((part) => clonezillaPart(folder, names, disk, part))),
    swaps: await Promise.all(
      swapFiles.map(async (name) => {
        const text = await readText(folder, names, name);
        const value = (key: string) => new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
        const part = name.slice('swappt-'.length, -'.info'.length);
        return { number: numberOf(folder, disk, part), uuid: value('UUID'), label: value('LABEL') };
      }),
    ),
  };
}

/** `sda1.ext4-ptcl-img.gz.aa`, `nvme0n1p1.vfat-ptcl-img.zst`; a part without a file is a swap area or an extended partition. */
function clonezillaPart(folder: string, names: readonly string[], disk: string, part: string) {
  const number = numberOf(folder, disk, part);
  const own = names.filter((name) => name.startsWith(`${part}.`)).sort();
  const first = own.find((name) => name.includes('-ptcl-img'));
  if (first !== undefined) return [filesOf(folder, first, number)];
  if (own.length > 0) throw unsupported(folder, `keeps ${part} in ${own[0]}, which is no partclone image`);
  return [];
}

async function filesOf(folder: string, first: string, number: number) {
  return { number, files: await listParts(path.join(folder, first)) };
}

function numberOf(folder: string, disk: string, part: string): number {
  const digits = part.startsWith(disk) ? /^p?(\d+)$/.exec(part.slice(disk.length))?.[1] : undefined;
  if (digits === undefined) throw unsupported(folder, `names a part ${part}, which is none of ${disk}`);
  return Number(digits);
}

async function readFog(folder: string, names: readonly string[]): Promise<ImageFolder> {
  if (names.includes('d2.partitions')) throw unsupported(folder, 'holds several disks: only one can be imported');
  const first = names.filter((name) => /^d1p\d+\.img(\.0+)?$/.test(name)).sort();
  const swapLines = (await readText(folder, names, 'd1.original.swapuuids')).split('\n');
  const tableDump = await readText(folder, names, 'd1.partitions');
  // Of a GPT disk it is what sgdisk makes of the table, and no boot code.
  const bootSector = /^label: gpt$/m.test(tableDump) ? null : await readIfThere(folder, names, 'd1.mbr');
  return {
    format: 'fog',
    tableDump,
    sizeBytes: null,
    bootSector,
    afterBootSector: bootSector === null ? null : bootSector.subarray(512),
    partitions: await Promise.all(first.map((name) => filesOf(folder, name, Number(/^d1p(\d+)/.exec(name)?.[1])))),
    swaps: swapLines.flatMap((line) => {
      const [number, uuid = ''] = line.trim().split(/\s+/);
      return number === undefined || !/^\d+$/.test(number) ? [] : [{ number: Number(number), uuid, label: '' }];
    }),
  };
}

async function readText(folder: string, names: readonly string[], name: string): Promise<string> {
  return (await readIfThere(folder, names, name))?.toString('utf8') ?? '';
}

async function readIfThere(folder: string, names: readonly string[], name: string): Promise<Buffer | null> {
  return names.includes(name) ? readFile(path.join(folder, name)) : null;
}
