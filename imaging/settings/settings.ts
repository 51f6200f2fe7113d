// What a copy of a system needs of its own before it is started beside the one that was captured (R26, R27), and what a restore answers of it.
import { DeployError } from '../../protocol/errors.ts';

export type MachineSettings = {
  /** The name that the Linux on it gets; what it was captured with unless told. */
  readonly hostName?: string;
  /** Its Linux gets a machine id and SSH host keys of its own, and its network names are no longer tied to the captured machine's cards. */
  readonly newIdentity?: boolean;
};

type Where = {
  /** 0 is a disk without a table. */
  readonly partition: number;
  /** The logical volume in it, `group/volume`. */
  readonly volume: string | null;
};

export type SettingChange = Where & {
  readonly setting: 'host-name' | 'machine-id' | 'ssh-host-key' | 'network-name';
  /** In the restored system, from its root. */
  readonly file: string;
  /** The new name, id or public key; null where something was only taken out. */
  readonly value: string | null;
};

export type KeptSetting = Where & {
  /** Null for all of a system. */
  readonly file: string | null;
  readonly why: string;
  /** It was asked for and is not done; else it is told for a person to look at. */
  readonly failed: boolean;
};

export type SettingsResult = { readonly changed: readonly SettingChange[]; readonly kept: readonly KeptSetting[] };

/** RFC 1123, section 2.1, no longer than Linux takes (HOST_NAME_MAX). */
const hostNamePattern = /^(?=.{1,64}$)[a-z\d]([a-z\d-]{0,61}[a-z\d])?(\.[a-z\d]([a-z\d-]{0,61}[a-z\d])?)*$/i;

/** @throws invalid-input */
export function checkHostName(name: string): void {
  if (hostNamePattern.test(name)) return;
  throw new DeployError('invalid-input', `'${name}' is no host name: letters, digits, hyphens and dots, at most 64`, {
    hint: 'Give the machine a name of these (`deploy-os machine rename`), or leave the host name as it was captured.',
  });
}

export const wantsSettings = ({ hostName, newIdentity = false }: MachineSettings): boolean =>
  hostName !== undefined || newIdentity;
