import type { KernelConcern } from './concern.ts';

/** Loading modules: compressed, signed, by the aliases that udev sees; and firmware that a site adds. */
export const modules: KernelConcern = {
  name: 'modules',
  options: [
    { option: 'CONFIG_MODULES', want: 'y', reason: 'drivers are modules' },
    { option: 'CONFIG_MODULE_SIG', want: 'y', reason: 'Secure Boot loads signed modules only', signedOnly: true },
    { option: 'CONFIG_MODULE_COMPRESS_XZ', want: 'y', reason: 'modules stay compressed in the initramfs' },
    { option: 'CONFIG_FW_LOADER', want: 'y', reason: 'firmware that a site adds with --firmware' },
    { option: 'CONFIG_FW_LOADER_COMPRESS', want: 'y', reason: 'the same, compressed' },
  ],
  modules: [],
};
