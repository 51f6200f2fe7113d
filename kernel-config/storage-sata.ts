import type { KernelConcern } from './concern.ts';

/** SATA and parallel ATA. */
export const storageSata: KernelConcern = {
  name: 'storage-sata',
  options: [
    { option: 'CONFIG_ATA', want: 'm', reason: 'every SATA disk' },
    { option: 'CONFIG_SATA_AHCI', want: 'm', reason: 'nearly every SATA controller' },
    { option: 'CONFIG_ATA_PIIX', want: 'm', reason: 'Intel chipsets in IDE mode, and virtual machines' },
    { option: 'CONFIG_ATA_GENERIC', want: 'm', reason: 'controllers without a driver of their own' },
  ],
  modules: ['drivers/ata/'],
  leaveOut: ['pata_pcmcia', 'pata_legacy'],
};
