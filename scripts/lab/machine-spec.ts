// A lab machine as data, and the QEMU command line that makes it.
import path from 'node:path';

export type DiskSpec = {
  /** A raw image; of `passed-on` the URL of an iSCSI LUN. */
  readonly file: string;
  /** `passed-on`: every command of the machine goes to the LUN as it is. Debian: qemu-block-extra. */
  readonly bus: 'virtio' | 'sata' | 'nvme' | 'scsi' | 'sas' | 'megasas' | 'usb' | 'sd' | 'cd' | 'passed-on';
  /** Empty: it has none. That of an SD card is QEMU's. */
  readonly serial?: string;
  /** World Wide Name, 16 hex digits; SATA and SCSI only. */
  readonly wwn?: string;
  /** So many ways lead to it, each over a controller of its own; SCSI, and NVMe as one subsystem. */
  readonly paths?: number;
  readonly sectorSizeBytes?: 512 | 4096;
  /** Where it is plugged in: the PCI slot of a virtio or NVMe disk, else the port, target or bay; where there is room unless told. */
  readonly slot?: number;
};

export type NicSpec = {
  readonly mac: string;
  readonly model?: 'virtio-net-pci' | 'e1000' | 'e1000e' | 'rtl8139' | 'vmxnet3' | 'i82551';
  /** Every frame that passes it is written to this file (pcap). */
  readonly framesTo?: string;
  /** A UEFI machine boots by the iPXE in the NIC's ROM, not by the firmware's own PXE or HTTP boot, which here has a driver for virtio only. */
  readonly rom?: 'ipxe';
  /** `nobody`: an add-on NIC with link, from which nobody boots, and nobody answers. `router`: in the second segment. */
  readonly behind?: 'nobody' | 'router';
};

export type MachineSpec = {
  /** Names the machine's log, sockets and firmware variables. */
  readonly name: string;
  /** Default amd64; arm64 has UEFI, and disks by virtio, NVMe, SCSI and USB. Debian: qemu-system-arm, qemu-efi-aarch64. */
  readonly architecture?: 'amd64' | 'arm64';
  readonly firmware?: 'bios' | 'uefi' | 'uefi-secure-boot';
  readonly memoryMiB?: number;
  /** One unless given: emulated, it boots as fast, and leaves the others to the next machine. */
  readonly cpus?: number;
  /** `kernel`: QEMU starts `kernel` itself, without firmware and boot loader. */
  readonly bootFrom: 'network' | 'disk' | 'kernel';
  /** What of the firmware's own network boot a UEFI machine has enabled; all of it unless given, PXE first. */
  readonly networkBoot?: 'pxe' | 'http';
  readonly kernel?: { readonly vmlinuz: string; readonly initramfs: string; readonly options: string };
  readonly disks: readonly DiskSpec[];
  readonly nics: readonly NicSpec[];
  /** The chipset's own, which resets the machine; QEMU's is strapped not to do that, as boards are that do not want it. */
  readonly watchdog?: true;
  readonly uuid?: string;
  readonly serialNumber?: string;
  /** What its clock says at power-on, such as 2015-01-01; the right time unless given. */
  readonly clock?: string;
};

/** Where one run of a machine keeps its files. */
export type MachineFiles = {
  serialLog: string;
  serialSocket: string;
  ordersSocket: string;
  qmpSocket: string;
  firmwareVariables: string;
};

export function machineFiles(folder: string, name: string): MachineFiles {
  return {
    serialLog: path.join(folder, `${name}.serial.log`),
    serialSocket: path.join(folder, `${name}.serial.sock`),
    ordersSocket: path.join(folder, `${name}.orders.sock`),
    qmpSocket: path.join(folder, `${name}.qmp.sock`),
    firmwareVariables: path.join(folder, `${name}.vars.fd`),
  };
}

/** Debian's OVMF and AAVMF; the secure ones have Microsoft's keys enrolled, as bought machines have. */
const uefiFiles = {
  amd64: {
    uefi: { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.fd' },
    'uefi-secure-boot': {
      code: '/usr/share/OVMF/OVMF_CODE_4M.ms.fd',
      variables: '/usr/share/OVMF/OVMF_VARS_4M.ms.fd',
    },
  },
  arm64: {
    uefi: { code: '/usr/share/AAVMF/AAVMF_CODE.fd', variables: '/usr/share/AAVMF/AAVMF_VARS.fd' },
    'uefi-secure-boot': {
      code: '/usr/share/AAVMF/AAVMF_CODE.ms.fd',
      variables: '/usr/share/AAVMF/AAVMF_VARS.ms.fd',
    },
  },
} as const;

/** QEMU's program for a machine. */
export function qemuProgramOf({ architecture }: MachineSpec): string {
  return architecture === 'arm64' ? 'qemu-system-aarch64' : 'qemu-system-x86_64';
}

/** The pristine variable store a UEFI machine's own copy starts from; null for BIOS. */
export function firmwareVariablesOf(spec: MachineSpec): string | null {
  const firmware = spec.firmware ?? 'bios';
  return firmware === 'bios' ? null : uefiFiles[spec.architecture ?? 'amd64'][firmware].variables;
}

function firmwareArguments(spec: MachineSpec, files: MachineFiles): string[] {
  const { firmware = 'bios', architecture = 'amd64' } = spec;
  // Without graphics SeaBIOS and iPXE speak on the serial line, where a failed boot can be read.
  if (firmware === 'bios') return ['-machine', 'q35,graphics=off'];
  return [
    ...(architecture === 'arm64' ? ['-machine', 'virt'] : pcArguments(firmware)),
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${uefiFiles[architecture][firmware].code}`],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${files.firmwareVariables}`],
    ...networkBootArguments(spec),
  ];
}

function pcArguments(firmware: 'uefi' | 'uefi-secure-boot'): string[] {
  if (firmware === 'uefi') return ['-machine', 'q35'];
  return ['-machine', 'q35,smm=on', '-global', 'driver=cfi.pflash01,property=secure,value=on'];
}

/** OvmfPkg/README, "Network Support": what is switched off costs no waiting. */
function networkBootArguments({ networkBoot }: MachineSpec): string[] {
  if (networkBoot === undefined) return [];
  const off = networkBoot === 'http' ? ['IPv4PXESupport', 'IPv6PXESupport'] : ['IPv6PXESupport'];
  return off.flatMap((name) => ['-fw_cfg', `name=opt/org.tianocore/${name},string=n`]);
}

const diskDevices: Record<DiskSpec['bus'], string> = {
  virtio: 'virtio-blk-pci',
  sata: 'ide-hd',
  nvme: 'nvme',
  scsi: 'scsi-hd',
  sas: 'scsi-hd,bus=sas.0',
  megasas: 'scsi-hd,bus=megasas.0',
  usb: 'usb-storage,bus=xhci.0,removable=on',
  sd: 'sd-card',
  cd: 'ide-cd',
  'passed-on': 'scsi-generic,bus=scsi0.0',
};

function diskArguments(disk: DiskSpec, index: number, bootIndex: number): string[] {
  if (disk.bus === 'nvme' && disk.paths !== undefined) return subsystemArguments(disk, index, disk.paths);
  return Array.from({ length: disk.paths ?? 1 }, (_, path) => {
    const { drive, device } = wayArguments(disk, index, { path, bootIndex });
    return ['-drive', drive, '-device', device];
  }).flat();
}

/** One way to the disk that is number `index` of its machine, as QEMU takes it on its command line and from its monitor; not of an NVMe subsystem. */
export function wayArguments(
  disk: DiskSpec,
  index: number,
  { path = 0, bootIndex }: { readonly path?: number; readonly bootIndex?: number } = {},
): { drive: string; device: string } {
  const id = `disk${index}-${path}`;
  if (disk.bus === 'sd' || disk.bus === 'passed-on')
    return { drive: driveOf(disk, id), device: `${diskDevices[disk.bus]},drive=${id}` };
  const size = disk.sectorSizeBytes ?? 512;
  const fixedSize = disk.bus === 'usb' || disk.bus === 'cd';
  const device = [
    diskDevices[disk.bus],
    ...(disk.serial === '' ? [] : [`serial=${disk.serial ?? `LAB${index}`}`]),
    ...(fixedSize ? [] : [`logical_block_size=${size}`, `physical_block_size=${size}`]),
    ...slotArguments(disk, index),
    ...(disk.wwn === undefined ? [] : [`wwn=0x${disk.wwn}`]),
    ...(disk.paths === undefined ? [] : ['share-rw=on']),
    ...(disk.paths === undefined && bootIndex !== undefined ? [`bootindex=${bootIndex}`] : []),
    ...(disk.bus === 'scsi' ? [`bus=scsi${path}.0`] : []),
    `drive=${id}`,
  ];
  return { drive: driveOf(disk, id), device: device.join(',') };
}

function slotArguments({ bus, slot }: DiskSpec, index: number): string[] {
  if (bus === 'sata' || bus === 'cd') return [`bus=ide.${slot ?? index}`];
  if (slot === undefined) return [];
  if (bus === 'usb') return [`port=${slot}`];
  return [bus === 'virtio' || bus === 'nvme' ? `addr=0x${slot.toString(16)}` : `scsi-id=${slot}`];
}

function driveOf({ file, bus, paths }: DiskSpec, id: string): string {
  // What the guest wrote is in the host's page cache at once: `unsafe` only leaves out waiting for the host's medium.
  const drive = `if=none,id=${id},format=raw,cache=unsafe,discard=unmap,file=${file}`;
  return `${drive}${bus === 'cd' ? ',media=cdrom,readonly=on' : ''}${paths === undefined ? '' : ',file.locking=off'}`;
}

function subsystemArguments(disk: DiskSpec, index: number, paths: number): string[] {
  const [subsystem, id] = [`subsystem${index}`, `disk${index}`];
  const controllers = Array.from({ length: paths }, (_, path) => {
    return ['-device', `nvme,id=nvme${index}-${path},serial=${disk.serial ?? `LAB${index}`},subsys=${subsystem}`];
  });
  const namespace = ['-device', `nvme-ns,drive=${id},bus=nvme${index}-0,nsid=1,shared=on`];
  return [
    ...['-device', `nvme-subsys,id=${subsystem}`],
    ...controllers.flat(),
    ...['-drive', driveOf(disk, id), ...namespace],
  ];
}

function nicArguments(nic: NicSpec, index: number, tap: string, spec: MachineSpec): string[] {
  const device = [
    nic.model ?? 'virtio-net-pci',
    `netdev=net${index}`,
    `mac=${nic.mac}`,
    ...(nic.behind === 'nobody' ? [] : [`bootindex=${spec.bootFrom === 'network' ? index : 200 + index}`]),
    // OVMF's own PXE: the old iPXE ROM pads GRUB's image, and shim then refuses it.
    ...(nic.behind !== 'nobody' && (firmwareVariablesOf(spec) === null || nic.rom === 'ipxe') ? [] : ['romfile=']),
  ];
  const netdev = `tap,id=net${index},ifname=${tap},script=no,downscript=no`;
  const frames =
    nic.framesTo === undefined
      ? []
      : ['-object', `filter-dump,id=frames${index},netdev=net${index},file=${nic.framesTo}`];
  return ['-netdev', netdev, '-device', device.join(','), ...frames];
}

/** `DEPLOY_OS_LAB_ACCEL=kvm` where KVM runs stock kernels; software emulation works everywhere. */
export function acceleratorArguments(): string[] {
  return process.env.DEPLOY_OS_LAB_ACCEL === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', 'tcg,thread=multi', '-cpu', 'max'];
}

/** Emulated, signing pointers as the standard has it costs a tenth of all time. */
const armProcessorArguments = ['-accel', 'tcg,thread=multi', '-cpu', 'max,pauth-impdef=on'];

/** On a busy host a PC's timer may tick too late for the kernel's check of it, which then stops (Linux, Documentation/admin-guide/kernel-parameters.txt). */
export const uncheckedTimer = 'no_timer_check';

function kernelArguments({ kernel, architecture }: MachineSpec): string[] {
  if (kernel === undefined) return [];
  const options = architecture === 'arm64' ? kernel.options : `${kernel.options} ${uncheckedTimer}`;
  return ['-kernel', kernel.vmlinuz, '-initrd', kernel.initramfs, '-append', options];
}

/** A second serial line, by which a stand-in is told what to do: with a listener on the first one QEMU's log of it repeats characters. */
function ordersArguments({ kernel }: MachineSpec, { ordersSocket }: MachineFiles): string[] {
  if (kernel === undefined) return [];
  return ['-chardev', `socket,id=orders,server=on,wait=off,path=${ordersSocket}`, '-serial', 'chardev:orders'];
}

/** The arguments of `qemuProgramOf(spec)`, with one tap for each NIC. */
export function qemuArguments(spec: MachineSpec, taps: readonly string[], files: MachineFiles): string[] {
  const uses = (bus: DiskSpec['bus']) => spec.disks.some((disk) => disk.bus === bus);
  const scsi = spec.disks.filter(({ bus }) => bus === 'scsi' || bus === 'passed-on');
  const adapters = Math.max(0, ...scsi.map(({ paths = 1 }) => paths));
  return [
    ...firmwareArguments(spec, files),
    ...(spec.architecture === 'arm64' ? armProcessorArguments : acceleratorArguments()),
    ...kernelArguments(spec),
    ...['-smp', String(spec.cpus ?? 1), '-m', String(spec.memoryMiB ?? 1024)],
    ...(spec.watchdog === undefined ? [] : ['-global', 'ICH9-LPC.noreboot=off', '-action', 'watchdog=reset']),
    ...['-nodefaults', '-display', 'none', '-device', 'virtio-rng-pci'],
    ...(spec.architecture === 'arm64' ? [] : ['-vga', 'std']),
    ...['-qmp', `unix:${files.qmpSocket},server=on,wait=off`],
    ...['-chardev', `socket,id=serial0,server=on,wait=off,path=${files.serialSocket},logfile=${files.serialLog}`],
    ...['-serial', 'chardev:serial0'],
    ...ordersArguments(spec, files),
    ...(spec.uuid === undefined ? [] : ['-uuid', spec.uuid]),
    ...(spec.clock === undefined ? [] : ['-rtc', `base=${spec.clock}`]),
    ...['-smbios', `type=1,manufacturer=Deploy-OS lab,product=${spec.name},serial=${spec.serialNumber ?? spec.name}`],
    ...Array.from({ length: adapters }, (_, n) => ['-device', `virtio-scsi-pci,id=scsi${n}`]).flat(),
    // The adapters of 2008, where they come after what the slots of the other disks are.
    ...(uses('sas') ? ['-device', 'mptsas1068,id=sas,addr=0x18'] : []),
    ...(uses('sd') ? ['-device', 'sdhci-pci,addr=0x19'] : []),
    ...(uses('megasas') ? ['-device', 'megasas-gen2,id=megasas'] : []),
    ...(uses('usb') ? ['-device', 'qemu-xhci,id=xhci'] : []),
    ...spec.disks.flatMap((disk, i) => diskArguments(disk, i, spec.bootFrom === 'disk' ? i : 100 + i)),
    ...spec.nics.flatMap((nic, i) => nicArguments(nic, i, taps[i] ?? '', spec)),
  ];
}
