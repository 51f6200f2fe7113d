// What the n-th of many machines would say of itself: as much as a server with four disks and two NICs says.
import { createHash } from 'node:crypto';
import { type Inventory, inventorySchema } from '../../protocol/inventory.ts';

const models = ['PowerEdge R650', 'ProLiant DL380 Gen10', 'ThinkSystem SR630', 'Express5800/R120j-1M'];

export function makeUpMachine(number: number): Inventory {
  const hash = createHash('sha256').update(`machine ${number}`).digest('hex');
  const uuid = `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
  const serial = `SN${String(number).padStart(6, '0')}`;
  return inventorySchema.parse({
    smbios: { uuid, serial, manufacturer: 'Example', product: models[number % models.length] },
    firmware: 'uefi',
    secureBoot: true,
    cpu: { model: 'Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz', count: 64 },
    memoryBytes: 256 * 2 ** 30,
    watchdog: null,
    nics: [0, 1].map((index) => ({
      name: `enp${index}s0f0`,
      mac: `02:${hash.slice(32, 40).match(/../g)?.join(':')}:0${index}`,
      driver: 'i40e',
      link: index === 0,
      speedMbps: index === 0 ? 10_000 : null,
      duplex: index === 0 ? 'full' : null,
      addresses: index === 0 ? [`10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}/8`] : [],
      boot: index === 0,
      errors: 0,
      result: null,
    })),
    disks: [0, 1, 2, 3].map((index) => ({
      id: `wwn-0x5000c500${hash.slice(40, 47)}${index}`,
      idKind: 'wwn',
      number: index + 1,
      kernelName: `sd${'abcd'[index]}`,
      devicePath: `/dev/sd${'abcd'[index]}`,
      sizeBytes: 480_103_981_056,
      sectorSizeBytes: 512,
      model: 'SAMSUNG MZ7LH480HAHQ-00005',
      serial: `S45P${hash.slice(47, 57).toUpperCase()}${index}`,
      wwn: `0x5000c500${hash.slice(40, 47)}${index}`,
      bus: 'sata',
      removable: false,
      readOnly: false,
      inUseBy: [],
      members: [],
      contents: null,
      partitions: [],
    })),
  });
}
