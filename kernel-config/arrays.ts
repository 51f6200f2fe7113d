import type { KernelConcern } from './concern.ts';

/** Disks made of disks: md arrays (firmware RAID too), device-mapper, several paths to one LUN. */
export const arrays: KernelConcern = {
  name: 'arrays',
  options: [
    { option: 'CONFIG_BLK_DEV_MD', want: 'm', reason: 'an array is one disk' },
    { option: 'CONFIG_MD_RAID0', want: 'm', reason: 'RAID 0' },
    { option: 'CONFIG_MD_RAID1', want: 'm', reason: 'RAID 1' },
    { option: 'CONFIG_MD_RAID10', want: 'm', reason: 'RAID 10' },
    { option: 'CONFIG_MD_RAID456', want: 'm', reason: 'RAID 4, 5 and 6' },
    { option: 'CONFIG_BLK_DEV_DM', want: 'm', reason: 'device-mapper' },
    { option: 'CONFIG_DM_MULTIPATH', want: 'm', reason: 'paths to one LUN fold into one disk' },
    { option: 'CONFIG_SCSI_DH_ALUA', want: 'm', reason: 'which path of a LUN is the good one' },
  ],
  modules: [
    'raid0',
    'raid1',
    'raid10',
    'raid456',
    'dm-mod',
    'dm-multipath',
    'dm-round-robin',
    'dm-service-time',
    'dm-queue-length',
    'dm-raid',
    'dm-mirror',
    'dm-snapshot',
    'drivers/scsi/device_handler/',
  ],
};
