// Fourth stage: what the machine is, as the server will know it.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Disk } from '../../imaging/blockdev/disk.ts';
import type { Inventory, Nic } from '../../protocol/inventory.ts';

const dmi = '/sys/class/dmi/id';
const efivars = '/sys/firmware/efi/efivars';
/** What firmware makers leave where a value should stand. */
const placeholders =
  /^(to be filled by o\.e\.m\.|default string|system serial number|system manufacturer|system product name|not specified|none|n\/a|0+)$/i;

/** Reads SMBIOS, processors and memory; NICs, disks and the watchdog's words come from their own stages. */
export async function collectInventory(
  nics: readonly Nic[],
  disks: readonly Disk[],
  watchdog: string | null = null,
): Promise<Inventory> {
  return {
    smbios: {
      uuid: await readUuid(),
      serial: await readDmi('product_serial'),
      manufacturer: await readDmi('sys_vendor'),
      product: await readDmi('product_name'),
    },
    firmware: readFirmware(),
    secureBoot: await readSecureBoot(),
    cpu: { model: clip(cpus()[0]?.model.trim() || 'unknown'), count: availableParallelism() },
    memoryBytes: totalmem(),
    watchdog: watchdog === null ? null : clip(watchdog),
    nics: [...nics],
    disks,
  };
}

/** By which the server tells machines apart. */
export async function readUuid(): Promise<string | null> {
  return (await readDmi('product_uuid'))?.toLowerCase() ?? null;
}

export function readFirmware(): Inventory['firmware'] {
  return existsSync('/sys/firmware/efi') ? 'uefi' : 'bios';
}

async function readDmi(name: string): Promise<string | null> {
  const text = (await readFile(`${dmi}/${name}`, 'utf8').catch(() => '')).trim();
  return text === '' || placeholders.test(text) ? null : clip(text);
}

/** The variable SecureBoot-GUID: four bytes of attributes, then 1 or 0 (UEFI specification 2.10, section 3.3). */
async function readSecureBoot(): Promise<boolean> {
  const names = await readdir(efivars).catch(() => []);
  const name = names.find((candidate) => candidate.startsWith('SecureBoot-'));
  if (name === undefined) return false;
  const value = await readFile(`${efivars}/${name}`).catch(() => null);
  return value?.[4] === 1;
}

function clip(text: string): string {
  return text.slice(0, 512);
}
