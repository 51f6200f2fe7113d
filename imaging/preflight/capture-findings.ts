// The rules of a capture: what of the facts found on its disk a person should know before (docs/preflight.md).
import type { System } from '../manifest/system.ts';
import type { UnknownSystem } from './find-systems.ts';
import { type Content, describePlace, describeSystem, type Finding } from './finding.ts';
import type { UncleanNtfs } from './ntfs-state.ts';
import { findShared, type SharedFacts } from './shared-disk.ts';

export type CaptureFacts = SharedFacts & {
  /** Those that are captured. */
  readonly partitions: readonly Content[];
  readonly systems: readonly System[];
  readonly unknown: readonly UnknownSystem[];
  readonly unclean: readonly UncleanNtfs[];
};

export function findForCapture(facts: CaptureFacts, allowShared: boolean): Finding[] {
  const { partitions, systems, unknown, unclean } = facts;
  return [
    ...findShared(facts, { allowShared, doing: 'captured' }),
    ...systems.flatMap(findInSystem),
    ...unclean.map(describeUnclean),
    ...partitions.flatMap(findEncrypted),
    ...findSeveral(systems),
    ...unknown.map(describeUnknown),
  ];
}

function findInSystem(system: System): Finding[] {
  const named = describeSystem(system);
  const { partition, domain, fixedNames, teams } = system;
  const found: Finding[] = [];
  if (system.domainController === true) {
    found.push({
      ...{ code: 'domain-controller', severity: 'warning', partition },
      message: `${named} is a domain controller${of(domain)}. Restored from an image, its directory is older than its partners remember (USN rollback): they take none of its changes any more, and nobody is told`,
      advice:
        'Back up its system state with the means of the directory. Restore this image only where no other controller of the domain runs.',
    });
  } else if (system.inDomain === true) {
    found.push({
      ...{ code: 'domain-member', severity: 'info', partition },
      message: `${named} is a member of ${domain === null ? 'a domain' : `the domain ${domain}`}. The password of its account changes every 30 days, so that older images lose the domain's trust`,
      advice: 'Capture it more often than that, or be ready to join it to the domain again after a restore.',
    });
  }
  if (fixedNames !== null && fixedNames.length > 0) {
    found.push({
      ...{ code: 'persistent-network-names', severity: 'info', partition },
      message: `${named} ties its network to the MAC addresses of this machine: ${list(fixedNames)}`,
      advice: 'Remove that before the image goes to other machines.',
    });
  }
  if (teams !== null && teams.length > 0) {
    found.push({
      ...{ code: 'network-teaming', severity: 'info', partition },
      message: `${named} joins network cards: ${list(teams)}`,
      advice: 'On another machine the team has none of its cards: it wants to be made anew there.',
    });
  }
  return found;
}

export function of(domain: string | null): string {
  return domain === null ? '' : ` of ${domain}`;
}

export function list(words: readonly string[]): string {
  return words.length <= 4 ? words.join(', ') : `${words.slice(0, 3).join(', ')} and ${words.length - 3} more`;
}

function describeUnclean({ partition, state, reason }: UncleanNtfs): Finding {
  const place = describePlace(partition);
  if (state === 'hibernated') {
    return {
      ...{ code: 'windows-hibernated', severity: 'warning', partition },
      message: `${place}${reason}. All of it is captured, also what is free, and restored elsewhere it may wake up on the wrong machine`,
      advice: 'Start that Windows and shut it down with `shutdown /s /t 0`, which leaves out fast start-up.',
    };
  }
  return {
    ...{ code: 'ntfs-dirty', severity: 'warning', partition },
    message: `${place}the NTFS was not left cleanly (${reason}). All of it is captured, also what is free`,
    advice: 'Start Windows, let `chkdsk /f` run, and shut it down with `shutdown /s /t 0`.',
  };
}

const encrypted: Readonly<Record<string, string>> = { BitLocker: 'BitLocker', crypto_LUKS: 'LUKS' };

function findEncrypted({ number: partition, sizeBytes, fileSystem }: Content): Finding[] {
  const name = encrypted[fileSystem ?? ''];
  if (name === undefined) return [];
  return [
    {
      ...{ code: 'encrypted-volume', severity: 'info', partition },
      message: `${describePlace(partition)}it is encrypted with ${name}: all ${(sizeBytes / 2 ** 30).toFixed(1)} GiB of it are captured, and do not compress`,
      advice:
        name === 'BitLocker'
          ? 'Keep the recovery key: on another machine the TPM does not open it. Decrypt it first for a small image.'
          : 'Keep its passphrase or key. To capture less, capture from within the running system.',
    },
  ];
}

function findSeveral(systems: readonly System[]): Finding[] {
  if (systems.length < 2) return [];
  return [
    {
      ...{ code: 'several-systems', severity: 'info', partition: null },
      message: `${systems.length} systems are on the disk: ${list(systems.map(describeSystem))}`,
      advice: 'All of them are captured; --partition captures or restores one alone.',
    },
  ];
}

function describeUnknown({ partition, volume, reason }: UnknownSystem): Finding {
  return {
    ...{ code: 'system-unknown', severity: 'info', partition },
    message: `${describePlace(partition, volume)}what system is there cannot be told: ${reason}`,
    advice: 'The image is captured all the same. See yourself whether it is a domain controller.',
  };
}
