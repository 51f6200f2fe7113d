import type { KernelConcern } from './concern.ts';

/** eMMC and SD cards: small PCs and industrial machines boot from them. */
export const storageMmc: KernelConcern = {
  name: 'storage-mmc',
  options: [
    { option: 'CONFIG_MMC_BLOCK', want: 'm', reason: 'eMMC disks' },
    { option: 'CONFIG_MMC_SDHCI_PCI', want: 'm', reason: 'eMMC controllers on PCI' },
    { option: 'CONFIG_MMC_SDHCI_ACPI', want: 'm', reason: 'eMMC controllers of Intel Atom systems' },
  ],
  modules: ['mmc_block', 'sdhci-pci', 'sdhci-acpi', 'rtsx_pci_sdmmc', 'rtsx_usb_sdmmc'],
};
