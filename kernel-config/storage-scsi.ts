import type { KernelConcern } from './concern.ts';

/** SCSI, SAS and Fibre Channel adapters and RAID controllers, on their own PCI IDs. */
export const storageScsi: KernelConcern = {
  name: 'storage-scsi',
  options: [
    { option: 'CONFIG_BLK_DEV_SD', want: 'm', reason: 'every disk that is not NVMe, virtio-blk or eMMC' },
    { option: 'CONFIG_BLK_DEV_SR', want: 'm', reason: 'optical drives: the boot CD' },
    { option: 'CONFIG_CHR_DEV_SG', want: 'm', reason: 'persistent reservations of clustered disks' },
    { option: 'CONFIG_BLK_DEV_BSG', want: 'y', reason: 'serial numbers of SAS disks' },
    { option: 'CONFIG_MEGARAID_SAS', want: 'm', reason: 'Dell PERC, Lenovo and NEC controllers' },
    { option: 'CONFIG_SCSI_MPT3SAS', want: 'm', reason: 'LSI and Broadcom SAS adapters' },
    { option: 'CONFIG_SCSI_MPI3MR', want: 'm', reason: 'Broadcom tri-mode adapters' },
    { option: 'CONFIG_SCSI_HPSA', want: 'm', reason: 'HPE Smart Array' },
    { option: 'CONFIG_SCSI_SMARTPQI', want: 'm', reason: 'HPE and Microchip controllers' },
    { option: 'CONFIG_SCSI_AACRAID', want: 'm', reason: 'Adaptec controllers' },
    { option: 'CONFIG_SCSI_QLA_FC', want: 'm', reason: 'QLogic Fibre Channel' },
    { option: 'CONFIG_SCSI_LPFC', want: 'm', reason: 'Emulex Fibre Channel' },
    { option: 'CONFIG_FUSION_SAS', want: 'm', reason: 'SAS adapters of 2008' },
  ],
  modules: ['drivers/scsi/', 'drivers/message/fusion/', 'drivers/ufs/'],
  leaveOut: ['drivers/scsi/pcmcia/', 'scsi_debug', 'ch', 'st', 'mptlan', 'mptctl'],
};
