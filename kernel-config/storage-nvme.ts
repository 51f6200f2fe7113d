import type { KernelConcern } from './concern.ts';

/** NVMe, also behind Intel's VMD. */
export const storageNvme: KernelConcern = {
  name: 'storage-nvme',
  options: [
    { option: 'CONFIG_BLK_DEV_NVME', want: 'm', reason: 'NVMe disks' },
    { option: 'CONFIG_NVME_MULTIPATH', want: 'y', reason: 'a namespace with two controllers is one disk' },
    { option: 'CONFIG_VMD', want: 'm', reason: 'NVMe disks are hidden behind VMD on many Intel machines', on: 'amd64' },
  ],
  modules: ['nvme'],
  modulesOn: { amd64: ['vmd'] },
};
