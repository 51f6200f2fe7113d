import type { KernelConcern } from './concern.ts';

/** USB NICs and docking stations, for laptops without a socket. */
export const networkUsb: KernelConcern = {
  name: 'network-usb',
  options: [
    { option: 'CONFIG_USB_RTL8152', want: 'm', reason: 'most USB NICs and docks' },
    { option: 'CONFIG_USB_NET_AX88179_178A', want: 'm', reason: 'ASIX gigabit' },
    { option: 'CONFIG_USB_NET_CDCETHER', want: 'm', reason: 'NICs of the standard class' },
    { option: 'CONFIG_USB_NET_CDC_NCM', want: 'm', reason: 'NICs of the standard class' },
  ],
  modules: ['drivers/net/usb/'],
  leaveOut: [
    'cdc_mbim',
    'qmi_wwan',
    'hso',
    'sierra_net',
    'huawei_cdc_ncm',
    'ipheth',
    'cdc-phonet',
    'kalmia',
    'lg-vl600',
  ],
};
