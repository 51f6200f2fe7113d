// The id of each disk, and how far it can be trusted: the same on every boot, and of one disk only.

import type { DeviceNode } from './device-node.ts';
import type { Disk } from './disk.ts';

export type Identity = Pick<Disk, 'id' | 'idKind' | 'idNote'>;

/** One claim of a disk to a name, best first. */
type Claim = Pick<Disk, 'id' | 'idKind'>;

/** What makers of cheap bridges and cards leave where a number of the disk's own should stand. */
const placeholder = /^(0+|f+|(0?123456789)+[0-9a-f]*|n\/?a|none|unknown|default|serial|to be filled.*)$/i;

/**
 * The identities of `disks`, in their order. A name that two of them claim is nobody's: both fall to the next kind, with a note.
 */
export function identifyDisks(disks: readonly DeviceNode[]): Identity[] {
  const claims = disks.map(listClaims);
  const claimants = new Map<string, number>();
  for (const { id } of claims.flat()) claimants.set(id, (claimants.get(id) ?? 0) + 1);
  return claims.map((own) => {
    const found = own.find(({ id }) => claimants.get(id) === 1) ?? own.at(-1);
    if (found === undefined) throw new Error('a disk without a place');
    const lost = own.slice(0, own.indexOf(found)).map(({ id }) => id);
    return {
      ...found,
      idNote: lost.length === 0 ? null : `another disk of this machine calls itself ${lost.join(' and ')} too`,
    };
  });
}

function listClaims({ hardware, udev, dmUuid, place }: DeviceNode): Claim[] {
  const wwn = wwnOf({ hardware, dmUuid });
  const { serial, model, bus } = hardware;
  const array = udev.get('MD_UUID') ?? (dmUuid?.startsWith('LVM-') ? null : dmUuid);
  const claims: (Claim | null)[] = [
    wwn === null || placeholder.test(wwn.replace(/^(0x|eui\.|uuid\.)/, ''))
      ? null
      : { id: `wwn-${wwn}`, idKind: 'wwn' },
    serial === null || placeholder.test(serial) ? null : { id: `serial-${model ?? bus}-${serial}`, idKind: 'serial' },
    array === null ? null : { id: `array-${array}`, idKind: 'array' },
    { id: `path-${place}`, idKind: 'path' },
  ];
  return claims.filter((claim) => claim !== null).map(({ id, idKind }) => ({ id: clean(id), idKind }));
}

/** A LUN behind several paths has its WWN in device-mapper's name for it: `mpath-3` and the NAA number. */
export function wwnOf({ hardware, dmUuid }: Pick<DeviceNode, 'hardware' | 'dmUuid'>): string | null {
  const found = /^mpath-3([0-9a-f]{16,32})$/.exec(dmUuid ?? '')?.[1];
  return hardware.wwn ?? (found === undefined ? null : `0x${found}`);
}

function clean(id: string): string {
  return id.replaceAll(/[^A-Za-z0-9:.=_+-]+/g, '_');
}
