// The settings of one restored Linux, in its files: each is changed where it stands, and what is not there is not made, but for the host name's.
import { randomUUID } from 'node:crypto';
import { toDeployError } from '../../protocol/errors.ts';
import { type HostKeyType, hostKeyTypes, makeHostKey } from './host-keys.ts';
import type { RootFiles } from './root-files.ts';
import type { KeptSetting, MachineSettings, SettingChange } from './settings.ts';

/** Without the place of the system. */
type Changed = Omit<SettingChange, 'partition' | 'volume'>;
type Kept = Omit<KeptSetting, 'partition' | 'volume'>;
export type LinuxSet = { readonly changed: readonly Changed[]; readonly kept: readonly Kept[] };

const hostNameFile = '/etc/hostname';
/** Of SUSE, where it is a file of its own. */
const oldHostNameFile = '/etc/HOSTNAME';
const machineIdFile = '/etc/machine-id';
const busIdFile = '/var/lib/dbus/machine-id';

/** Changes what `wanted` says; a file that cannot be changed is an answer. `system` says what is known of it: its name, and files that name network cards. */
export async function setLinux(
  files: RootFiles,
  wanted: MachineSettings,
  system: { readonly hostName: string | null; readonly fixedNames: readonly string[] | null },
): Promise<LinuxSet> {
  const changed: Changed[] = [];
  const kept: Kept[] = [];
  const attempt = async (file: string, work: () => Promise<Changed[]>): Promise<void> => {
    try {
      changed.push(...(await work()));
    } catch (thrown) {
      kept.push({ file, why: toDeployError(thrown).message, failed: true });
    }
  };
  const { hostName, newIdentity = false } = wanted;
  if (hostName !== undefined) {
    await attempt(hostNameFile, () => setHostName(files, hostName));
    await attempt('/etc/hosts', () => renameInHosts(files, system.hostName, hostName));
  }
  if (newIdentity) {
    await attempt(machineIdFile, () => renewMachineId(files));
    for (const type of hostKeyTypes) {
      const file = hostKeyFile(type);
      await attempt(file, () => renewHostKey(files, file, type, `root@${hostName ?? system.hostName ?? 'localhost'}`));
    }
    const obsolete = hostKeyFile('dsa');
    await attempt(obsolete, async () => {
      const isThere = (await files.kindOf(obsolete)) !== null;
      if (isThere) kept.push({ file: obsolete, why: 'OpenSSH makes no keys of this kind any more', failed: false });
      return [];
    });
    for (const file of system.fixedNames ?? []) {
      const free = freeingOf(file);
      if (free === null)
        kept.push({ file, why: 'it ties the network to a card of the captured machine', failed: false });
      else await attempt(file, () => freeNames(files, file, free));
    }
  }
  return { changed, kept };
}

async function setHostName(files: RootFiles, name: string): Promise<Changed[]> {
  const set: Changed[] = [];
  for (const file of [hostNameFile, oldHostNameFile]) {
    const old = await files.read(file);
    if (old === null && file === oldHostNameFile) continue;
    if (old === null) await files.create(file, `${name}\n`);
    else await files.overwrite(file, `${name}\n`);
    set.push({ setting: 'host-name', file, value: name });
  }
  return set;
}

/** Where the old name stands behind an address of the machine's own (127.0.1.1 on Debian), the new one does: hosts(5). */
async function renameInHosts(files: RootFiles, old: string | null, name: string): Promise<Changed[]> {
  const file = '/etc/hosts';
  const text = await files.read(file);
  if (text === null || old === null || old === '' || old === 'localhost') return [];
  const [oldShort, newShort] = [old.split('.', 1)[0], name.split('.', 1)[0]];
  const rename = (word: string): string => {
    if (word === old) return name;
    if (word === oldShort) return newShort ?? name;
    return word.startsWith(`${oldShort}.`) && !old.includes('.')
      ? word.replace(oldShort ?? '', newShort ?? name)
      : word;
  };
  const lines = text.split('\n').map((line) => {
    const [names = '', ...comment] = line.split('#');
    if (!/^\s*(127\.|::1\s)/.test(names)) return line;
    return [names.replace(/(?<=\s)\S+/g, rename), ...comment].join('#');
  });
  const renamed = lines.join('\n');
  if (renamed === text) return [];
  await files.overwrite(file, renamed);
  return [{ setting: 'host-name', file, value: name }];
}

/** One that is empty, or says that it was never set, is made by the system itself: machine-id(5). */
async function renewMachineId(files: RootFiles): Promise<Changed[]> {
  const old = (await files.read(machineIdFile))?.trim() ?? '';
  if (old === '' || old === 'uninitialized') return [];
  const id = randomUUID().replaceAll('-', '');
  await files.overwrite(machineIdFile, `${id}\n`);
  const set: Changed[] = [{ setting: 'machine-id', file: machineIdFile, value: id }];
  if ((await files.kindOf(busIdFile)) === 'file') {
    await files.overwrite(busIdFile, `${id}\n`);
    set.push({ setting: 'machine-id', file: busIdFile, value: id });
  }
  return set;
}

const hostKeyFile = (type: HostKeyType | 'dsa') => `/etc/ssh/ssh_host_${type}_key`;

async function renewHostKey(files: RootFiles, file: string, type: HostKeyType, comment: string): Promise<Changed[]> {
  if ((await files.read(file)) === null) return [];
  const { privateKey, publicKey } = makeHostKey(type, comment);
  await files.overwrite(file, privateKey);
  if ((await files.read(`${file}.pub`)) !== null) await files.overwrite(`${file}.pub`, publicKey);
  return [{ setting: 'ssh-host-key', file, value: publicKey.trim() }];
}

/** The lines that tie a name or a setting to a card, in files where the rest makes sense without them. */
const bindings: readonly (readonly [RegExp, RegExp])[] = [
  [/\.rules$/, /^[^#\n]*ATTR\{address\}==.*NAME=.*$/gm],
  [/\/ifcfg-/, /^[ \t]*HWADDR[ \t]*=.*$/gm],
  [/\/NetworkManager\//, /^[ \t]*mac-address[ \t]*=.*$/gm],
];

function freeingOf(file: string): RegExp | null {
  return bindings.find(([name]) => name.test(file))?.[1] ?? null;
}

async function freeNames(files: RootFiles, file: string, binding: RegExp): Promise<Changed[]> {
  const text = await files.read(file);
  const freed = text?.replace(binding, '# $& (taken out when this disk was made from another machine’s)');
  if (text === null || freed === undefined || freed === text) return [];
  await files.overwrite(file, freed);
  return [{ setting: 'network-name', file, value: null }];
}
