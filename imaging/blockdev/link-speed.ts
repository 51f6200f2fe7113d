// How fast the way to a disk is: what was negotiated on its link, as the kernel says it.
import { listNames, readAttribute } from './sysfs.ts';

/** `6.0 Gbps`, `480 Mbps`, `8.0 GT/s PCIe x4`; null where nothing tells. */
export async function readLinkSpeed(directory: string): Promise<string | null> {
  return (
    (await readAtaSpeed(directory)) ??
    (await readUsbSpeed(directory)) ??
    (await readSasSpeed(directory)) ??
    (await readFcSpeed(directory)) ??
    (await readPcieSpeed(directory))
  );
}

/** Linux drivers/ata/libata-transport.c: the link of port ataN is linkN. */
async function readAtaSpeed(directory: string): Promise<string | null> {
  const [, port, number] = /^(.*\/ata(\d+))\//.exec(directory) ?? [];
  if (port === undefined) return null;
  return known(await readAttribute(port, `link${number}/ata_link/link${number}/sata_spd`));
}

/** The attribute of the USB device that the disk's interface belongs to, in Mbps. */
async function readUsbSpeed(directory: string): Promise<string | null> {
  const device = /^(.*\/\d+-[\d.]+)\/\d+-[\d.]+:\d/.exec(directory)?.[1];
  const speed = device === undefined ? null : await readAttribute(device, 'speed');
  if (speed === null) return null;
  return Number(speed) >= 1000 ? `${Number(speed) / 1000} Gbps` : `${speed} Mbps`;
}

async function readSasSpeed(directory: string): Promise<string | null> {
  const port = /^(.*\/port-\d+:[\d:]+)\/end_device-/.exec(directory)?.[1];
  if (port === undefined) return null;
  const phy = (await listNames(port)).find((name) => name.startsWith('phy-'));
  return phy === undefined ? null : known(await readAttribute(port, phy, 'sas_phy', phy, 'negotiated_linkrate'));
}

async function readFcSpeed(directory: string): Promise<string | null> {
  const [, at, host] = /^(.*\/(host\d+))\/rport-/.exec(directory) ?? [];
  return at === undefined ? null : known(await readAttribute(at, `fc_host/${host}/speed`));
}

/** An NVMe controller's own link; other PCI functions serve many disks. */
async function readPcieSpeed(directory: string): Promise<string | null> {
  const slot = /^(.*)\/nvme\/nvme\d+(\/|$)/.exec(directory)?.[1];
  if (slot === undefined) return null;
  const speed = known(await readAttribute(slot, 'current_link_speed'));
  const width = await readAttribute(slot, 'current_link_width');
  return speed === null ? null : `${speed.replace(' PCIe', '')} PCIe${width === null ? '' : ` x${width}`}`;
}

function known(text: string | null): string | null {
  return text === null || /unknown|<unknown>/i.test(text) ? null : text;
}
