import type { KernelConcern } from './concern.ts';

/** Algorithms that modules ask for by name while they load, which no dependency list shows. */
export const crypto: KernelConcern = {
  name: 'crypto',
  options: [
    { option: 'CONFIG_CRYPTO_CRC32C', want: 'm', reason: 'ext4, md and iSCSI checksums' },
    {
      option: 'CONFIG_CRYPTO_CRC32C_INTEL',
      want: 'm',
      reason: 'the same, with the processor instruction',
      on: 'amd64',
    },
  ],
  modules: ['crc32c_generic', 'crc32_generic', 'crct10dif_common'],
  modulesOn: { amd64: ['crc32c-intel', 'crc32-pclmul', 'crct10dif-pclmul'] },
};
