import type { KernelConcern } from './concern.ts';

/** UEFI, and Secure Boot with no key to enrol. */
export const secureBoot: KernelConcern = {
  name: 'secure-boot',
  options: [
    { option: 'CONFIG_EFI', want: 'y', reason: 'UEFI machines' },
    { option: 'CONFIG_EFI_STUB', want: 'y', reason: 'the kernel is started as an EFI program' },
    { option: 'CONFIG_EFIVAR_FS', want: 'm', reason: 'whether Secure Boot is on, and the boot order' },
    {
      option: 'CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT',
      want: 'y',
      reason: 'shim signs only kernels that lock down',
      signedOnly: true,
    },
  ],
  modules: ['efivarfs', 'efi-pstore'],
};
