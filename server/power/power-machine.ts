// What is known of a machine that power drivers need: its NICs' MAC addresses, where it was seen, its UUID.
import type { Inventory } from '../../protocol/inventory.ts';
import type { MachineRow } from '../database/schema.ts';
import { normalizeMac } from '../machines/identity.ts';
import type { PowerMachine } from './driver.ts';

const maxMacs = 16;

export function readPowerMachine({ id, name, inventory }: MachineRow): PowerMachine {
  const known: Inventory | null = inventory === null ? null : JSON.parse(inventory);
  const nics = known?.nics ?? [];
  const macs = new Set(nics.flatMap(({ mac }) => normalizeMac(mac) ?? []));
  return {
    ...{ id, name, uuid: known?.smbios.uuid ?? null, firmware: known?.firmware ?? null },
    macs: [...macs].slice(0, maxMacs),
    addresses: nics.flatMap(({ addresses }) => addresses),
  };
}
