import type { KernelConcern } from './concern.ts';

/** USB: sticks and enclosures, and the host controllers that keyboards and NICs need too. */
export const storageUsb: KernelConcern = {
  name: 'storage-usb',
  options: [
    { option: 'CONFIG_USB_STORAGE', want: 'm', reason: 'USB disks and sticks' },
    { option: 'CONFIG_USB_UAS', want: 'm', reason: 'fast USB disks' },
    { option: 'CONFIG_USB_XHCI_PCI', want: 'm', reason: 'USB 3 controllers' },
    { option: 'CONFIG_USB_EHCI_PCI', want: 'm', reason: 'USB 2 controllers' },
    { option: 'CONFIG_USB_UHCI_HCD', want: 'm', reason: 'USB 1 controllers: keyboards of older machines', on: 'amd64' },
    { option: 'CONFIG_USB_OHCI_HCD_PCI', want: 'm', reason: 'USB 1 controllers: keyboards of older machines' },
  ],
  modules: ['drivers/usb/storage/', 'xhci-pci', 'xhci-pci-renesas', 'ehci-pci', 'ohci-pci'],
  modulesOn: { amd64: ['uhci-hcd'], arm64: ['xhci-plat-hcd'] },
};
