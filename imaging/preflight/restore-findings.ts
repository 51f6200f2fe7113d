// The rules of a restore: an image's facts held against the machine and the disk that it is about to go onto (docs/preflight.md).
import type { Manifest } from '../manifest/manifest.ts';
import type { System } from '../manifest/system.ts';
import { list, of } from './capture-findings.ts';
import { canBootFrom, type TargetController } from './disk-drivers.ts';
import { describePlace, describeSystem, type Finding } from './finding.ts';
import { type Firmware, readFirmwareModes } from './firmware-mode.ts';
import { findShared, type SharedFacts } from './shared-disk.ts';

export type RestoreFacts = SharedFacts & {
  readonly manifest: Manifest;
  /** Of the image: the one partition that is restored; undefined is the disk. */
  readonly partition?: number | undefined;
  /** Null where it cannot be told, or the machine is not the one that will boot. */
  readonly firmware: Firmware | null;
  /** Null for a file. */
  readonly controller: TargetController | null;
  /** The disk that the image is of. */
  readonly sameDisk: boolean;
  readonly now: Date;
};

const dayMs = 86_400_000;
/** Netlogon's MaximumPasswordAge, unless a policy says otherwise. */
const passwordDays = 30;

export function findForRestore(facts: RestoreFacts, allowShared: boolean): Finding[] {
  const { manifest, partition, sameDisk } = facts;
  const isRestored = (number: number) => partition === undefined || number === partition;
  const systems = (manifest.systems ?? []).filter((system) => isRestored(system.partition));
  const encrypted = manifest.partitions.filter(
    ({ number, fileSystem }) => isRestored(number) && fileSystem === 'BitLocker',
  );
  return [
    ...findShared(facts, { allowShared, doing: 'overwritten' }),
    ...(partition === undefined ? findFirmware(facts) : []),
    ...systems.flatMap((system) => [
      ...findDomain(system, facts),
      ...findDriver(system, facts),
      ...(sameDisk ? [] : findNetwork(system)),
    ]),
    ...(sameDisk ? [] : encrypted.map(({ number }) => describeBitLocker(number))),
  ];
}

function findFirmware({ manifest, firmware }: RestoreFacts): Finding[] {
  const modes = readFirmwareModes(manifest);
  if (firmware === null || modes.size === 0 || modes.has(firmware)) return [];
  const words = { bios: 'BIOS', uefi: 'UEFI' };
  const [only] = modes;
  return [
    {
      ...{ code: 'firmware-mode', severity: 'warning', partition: null },
      message: `the image boots by ${words[only ?? 'bios']}, and this machine was started by ${words[firmware]}: it will not boot from this disk as it is set`,
      advice: `Switch the machine to ${only === 'bios' ? 'legacy boot (CSM), if it has that' : 'UEFI boot'}, or make the restored system bootable with its own tools (bcdboot, grub-install).`,
    },
  ];
}

function findDomain(system: System, { manifest, now }: RestoreFacts): Finding[] {
  const named = describeSystem(system);
  const { partition, domain } = system;
  if (system.domainController === true) {
    return [
      {
        ...{ code: 'domain-controller', severity: 'warning', partition },
        message: `${named} is a domain controller${of(domain)}. If another one of the domain runs, this restore puts back its directory behind their backs (USN rollback): they take none of its changes any more, and nobody is told`,
        advice:
          'Restore it only where no other controller of the domain runs. Else install it anew, let it become a controller again and replicate.',
      },
    ];
  }
  const days = Math.floor((now.getTime() - Date.parse(manifest.createdAt)) / dayMs);
  if (system.inDomain !== true || days <= passwordDays) return [];
  return [
    {
      ...{ code: 'domain-member-old', severity: 'warning', partition },
      message: `${named} is a member of ${domain === null ? 'a domain' : `the domain ${domain}`}, and the image is ${days} days old. The password of its account has changed since (every ${passwordDays} days): nobody of the domain will be able to log on`,
      advice:
        'Have a local account at hand, and join it to the domain again (Windows: Test-ComputerSecureChannel -Repair; Linux: realm join, adcli join).',
    },
  ];
}

function findDriver(system: System, { controller }: RestoreFacts): Finding[] {
  if (controller === null || system.bootDrivers === null) return [];
  const named = describeSystem(system);
  const what = controller.driver ?? controller.bus;
  const fits = canBootFrom(controller, system.bootDrivers);
  const { partition } = system;
  if (fits === true) return [];
  if (fits === null) {
    return [
      {
        ...{ code: 'disk-driver-unknown', severity: 'info', partition },
        message: `whether ${named} has the driver for this disk's controller (${what}) cannot be told`,
        advice:
          'If it stops with INACCESSIBLE_BOOT_DEVICE, add the driver from its recovery environment (dism /add-driver).',
      },
    ];
  }
  return [
    {
      ...{ code: 'disk-driver-missing', severity: 'warning', partition },
      message: `${named} does not start the driver for this disk's controller (${what}) when it boots; it starts ${list(system.bootDrivers) || 'none'}. It will stop with INACCESSIBLE_BOOT_DEVICE`,
      advice:
        "Set the controller's mode in the firmware to that of the captured machine; or boot once in safe mode, or add the driver from the recovery environment (dism /add-driver).",
    },
  ];
}

function findNetwork(system: System): Finding[] {
  const named = describeSystem(system);
  const { partition, fixedNames, teams } = system;
  const found: Finding[] = [];
  if (fixedNames !== null && fixedNames.length > 0) {
    found.push({
      ...{ code: 'persistent-network-names', severity: 'warning', partition },
      message: `${named} ties its network to the MAC addresses of the captured machine: on another one it comes up without network (${list(fixedNames)})`,
      advice: 'On another machine: --new-identity takes them out, or correct these files after the restore.',
    });
  }
  if (teams !== null && teams.length > 0) {
    found.push({
      ...{ code: 'network-teaming', severity: 'warning', partition },
      message: `${named} joins network cards (${list(teams)}): on another machine the team has none of its cards`,
      advice: 'On another machine, make the team anew after the restore.',
    });
  }
  return found;
}

function describeBitLocker(partition: number): Finding {
  return {
    ...{ code: 'bitlocker-key', severity: 'warning', partition },
    message: `${describePlace(partition)}it is encrypted with BitLocker, which the TPM of another machine does not open`,
    advice: 'Have the recovery key at hand; the restored system asks for it.',
  };
}
