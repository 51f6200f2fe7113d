// What a machine boots by its profile, or the server's own where that has none or its files have gone.
import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import type { BootProfile } from '../../protocol/boot-profile.ts';
import { toDeployError } from '../../protocol/errors.ts';
import type { Inventory } from '../../protocol/inventory.ts';
import type { ServerConfig } from '../config.ts';
import type { Context } from '../context.ts';
import type { MachineRow } from '../database/schema.ts';
import type { MachineFacts } from '../machines/machine-rule.ts';
import { listTags } from '../machines/tags.ts';
import { newId } from '../new-id.ts';
import { chooseProfile } from './choose-profile.ts';
import { checkProfileFiles, listProfileFiles, type ProfileFileName, profileFileNames } from './profile-files.ts';
import { findBootProfile, listBootProfiles } from './profiles.ts';

/** Of a profile's own files: below `/boot/` by HTTP, and below the TFTP tree alike; null: the usual, or none. */
export type BootPaths = Readonly<Record<'kernel' | 'initramfs' | 'overlay', string | null>>;

export type Boot = {
  readonly profile: BootProfile | null;
  readonly paths: BootPaths;
  /** Of the profile alone. */
  readonly kernelArguments: string;
  /** What the machine's screen is to say before it boots: printable ASCII without quotes. */
  readonly notice: string | null;
};

const usual: Boot = {
  profile: null,
  paths: { kernel: null, initramfs: null, overlay: null },
  kernelArguments: '',
  notice: null,
};

/** What a boot loader tells. */
type Said = Omit<MachineFacts, 'addresses' | 'tags'> & { readonly address: string };

/** What the boot loader does not tell, the machine's inventory may. */
export async function bootOf({ db, config, log }: Context, machine: MachineRow, said: Said): Promise<Boot> {
  const facts = complete(said, machine, await listTags(db, machine.id));
  const profile = chooseProfile(await listBootProfiles(db), facts, machine.bootProfileId);
  if (profile === null) return usual;
  try {
    await checkProfileFiles(profile, config);
  } catch (thrown) {
    const reason = toDeployError(thrown).message;
    log.error(
      { machine: machine.id, name: machine.name, profile: profile.name, reason },
      'boot profile not usable; booting the default',
    );
    const notice = `Boot profile ${profile.name} cannot be used, booting the default: ${reason}`;
    return { ...usual, notice: notice.replaceAll(/[^\w .,:()/-]/g, '?').slice(0, 300) };
  }
  const own = listProfileFiles(profile, config);
  const place = (name: ProfileFileName) => (own.has(name) ? `profiles/${profile.id}/${name}` : null);
  const paths = { kernel: place('vmlinuz'), initramfs: place('initramfs.img'), overlay: place('overlay.cpio') };
  return { profile, paths, kernelArguments: profile.arguments, notice: null };
}

function complete({ address, ...said }: Said, { inventory }: MachineRow, tags: readonly string[]): MachineFacts {
  const known: Inventory | null = inventory === null ? null : JSON.parse(inventory);
  return {
    ...said,
    addresses: [address],
    tags,
    uuid: said.uuid ?? known?.smbios.uuid ?? null,
    serial: said.serial ?? known?.smbios.serial ?? null,
    macs: [...said.macs, ...(known?.nics.map(({ mac }) => mac) ?? [])],
    manufacturer: said.manufacturer ?? known?.smbios.manufacturer ?? null,
    product: said.product ?? known?.smbios.product ?? null,
  };
}

/** Where the file is that `/boot/profiles/ID/NAME` asks for; null when there is none, or none any more. */
export async function findProfileFile({ db, config }: Pick<Context, 'db' | 'config'>, id: string, name: string) {
  const known = profileFileNames.find((candidate) => candidate === name);
  const profile = await findBootProfile(db, id).catch(() => null);
  if (known === undefined || profile === null) return null;
  const usable = await checkProfileFiles(profile, config).then(
    () => true,
    () => false,
  );
  return usable ? (listProfileFiles(profile, config).get(known) ?? null) : null;
}

const linksOf = (config: ServerConfig, id: string) => path.join(config.bootDir, 'tftp/profiles', id);

/** For GRUB, which loads by TFTP: links in the tree, made anew at each boot, since a build makes the tree anew. */
export async function linkProfileFiles(config: ServerConfig, profile: BootProfile): Promise<void> {
  const dir = linksOf(config, profile.id);
  await mkdir(dir, { recursive: true });
  for (const [name, file] of listProfileFiles(profile, config)) {
    const link = path.join(dir, name);
    const made = `${link}.${newId()}`;
    await symlink(file, made);
    await rename(made, link);
  }
}

export async function unlinkProfileFiles(config: ServerConfig, profile: BootProfile): Promise<void> {
  await rm(linksOf(config, profile.id), { recursive: true, force: true });
}
