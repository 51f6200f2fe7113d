// R26, R27: a copy of a machine's disk gets a host name, a machine id and SSH host keys of its own, and a network that is tied to no card. Real file
// systems, mounted by the kernel to be looked at afterwards, and OpenSSH's own word on the keys.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { finishError } from '../../imaging/finish-restored.ts';
import { type RestoreOptions, type RestoreResult, restoreImage } from '../../imaging/restore.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { verifyImage } from '../../imaging/verify.ts';
import { formatBtrfs } from '../fixtures/btrfs-cases.ts';
import { describeTree } from '../fixtures/describe-tree.ts';
import { makeRawDisk } from '../fixtures/disks.ts';
import { withMount } from '../fixtures/mounts.ts';
import { makeVolumesDisk } from '../fixtures/system-disks.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { createVolume, makeGroupDisk, putVolume, takeVolume } from '../fixtures/volume-disks.ts';
import { formatXfs } from '../fixtures/xfs-cases.ts';

const mib = 2 ** 20;
const tool = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const machineId = '0123456789abcdef0123456789abcdef';
const rules = 'SUBSYSTEM=="net", ATTR{address}=="52:54:00:12:34:56", NAME="eth0"\n';
const files = {
  'usr/lib/os-release': 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\n',
  'etc/hostname': 'golden\n',
  'etc/hosts': '127.0.0.1\tlocalhost golden-not\n127.0.1.1\tgolden.example.org\tgolden # golden\n10.0.0.9 golden\n',
  'etc/machine-id': `${machineId}\n`,
  'etc/udev/rules.d/70-persistent-net.rules': rules,
  'etc/NetworkManager/system-connections/lan': '[ethernet]\nmac-address=52:54:00:12:34:56\nmtu=1500\n',
  'etc/netplan/50.yaml': 'network:\n  ethernets:\n    lan:\n      match:\n        macaddress: 52:54:00:12:34:56\n',
  'home/ann/notes': 'golden\n',
};
const hostKey = (type: string) => `etc/ssh/ssh_host_${type}_key`;
const keyTypes = ['rsa', 'ecdsa', 'ed25519'];

async function writeFiles(root: string): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await fs.mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await fs.writeFile(path.join(root, name), text);
  }
}

async function fillLinux(root: string): Promise<void> {
  await writeFiles(root);
  await fs.mkdir(path.join(root, 'etc/ssh'));
  for (const type of keyTypes)
    tool('ssh-keygen', '-q', '-t', type, '-N', '', '-C', 'root@golden', '-f', path.join(root, hostKey(type)));
  await fs.symlink('../usr/lib/os-release', path.join(root, 'etc/os-release'));
  await fs.mkdir(path.join(root, 'var/lib/dbus'), { recursive: true });
  await fs.symlink('/etc/machine-id', path.join(root, 'var/lib/dbus/machine-id'));
  await fs.chmod(path.join(root, 'etc/machine-id'), 0o444);
  await fs.chown(path.join(root, 'etc/hostname'), 1000, 1000);
}

async function readLinux(root: string): Promise<Map<string, string>> {
  const names = [...Object.keys(files), ...keyTypes.flatMap((type) => [hostKey(type), `${hostKey(type)}.pub`])];
  return new Map(
    await Promise.all(names.map(async (name) => [name, await fs.readFile(path.join(root, name), 'utf8')] as const)),
  );
}

/** What the kernel shows below `root` of a copy that was made for `web-02`, with new keys that are sound, and all else as it was. */
async function expectOwnSettings(root: string, before: ReadonlyMap<string, string>): Promise<void> {
  const now = await readLinux(root);
  const id = now.get('etc/machine-id')?.trim();
  expect(id).toMatch(/^[\da-f]{32}$/);
  expect(id).not.toBe(machineId);
  for (const type of keyTypes) {
    const [name, file] = [hostKey(type), path.join(root, hostKey(type))];
    expect(now.get(name)).not.toBe(before.get(name));
    const publicKey = tool('ssh-keygen', '-y', '-P', '', '-f', file).trim();
    expect(`${publicKey}\n`).toBe(now.get(`${name}.pub`));
    expect(publicKey).toMatch(/ root@web-02$/);
    expect((await fs.stat(file)).mode & 0o777).toBe(0o600);
    for (const key of [name, `${name}.pub`]) now.delete(key);
  }
  const taken = (line: string) => `# ${line} (taken out when this disk was made from another machine’s)`;
  expect(Object.fromEntries(now)).toEqual({
    ...files,
    'etc/hostname': 'web-02\n',
    'etc/hosts': '127.0.0.1\tlocalhost golden-not\n127.0.1.1\tweb-02.example.org\tweb-02 # golden\n10.0.0.9 golden\n',
    'etc/machine-id': `${id}\n`,
    'etc/udev/rules.d/70-persistent-net.rules': `${taken(rules.trim())}\n`,
    'etc/NetworkManager/system-connections/lan': `[ethernet]\n${taken('mac-address=52:54:00:12:34:56')}\nmtu=1500\n`,
  });
  const [idFile, nameFile] = [path.join(root, 'etc/machine-id'), path.join(root, 'etc/hostname')];
  expect([(await fs.stat(idFile)).mode & 0o777, (await fs.stat(nameFile)).uid]).toEqual([0o444, 1000]);
}

async function duplicate(disk: string, target: string, options: Partial<RestoreOptions> = {}): Promise<RestoreResult> {
  const store = openMemoryStore();
  await captureImage({ sourcePath: disk, imageName: 'one', store, workers: 1, allowMember: true });
  const asked = { hostName: 'web-02', newIdentity: true, ...options };
  const result = await restoreImage({ imageName: 'one', targetPath: target, store, workers: 1, ...asked });
  expect(await verifyImage({ store, imageName: 'one' })).toMatchObject({ name: 'one' });
  return result;
}

const netplan = { file: '/etc/netplan/50.yaml', failed: false };

test.each([
  {
    fileSystem: 'ext4',
    make: (file: string) => tool('mkfs.ext4', '-q', '-F', file, '16M'),
    check: (file: string) => tool('e2fsck', '-fn', file),
    options: { newIds: true, grow: 'last' },
  },
  {
    fileSystem: 'XFS',
    make: (file: string) => formatXfs(file, 32, []),
    check: (file: string) => tool('xfs_repair', '-n', file),
    options: {},
  },
  {
    fileSystem: 'Btrfs',
    root: '@rootfs',
    make: (file: string) => formatBtrfs(file, 32, ['-M']),
    check: (file: string) => tool('btrfs', 'check', file),
    options: { newIds: true },
  },
] as const)('a Linux on $fileSystem', async (one) => {
  await withTempDirectory(async (directory) => {
    const file = (name: string) => path.join(directory, name);
    const root = 'root' in one ? one.root : '';
    await writeFiles(file('outside'));
    const outside = await describeTree(file('outside'));
    await makeRawDisk(file('system'), 0);
    await one.make(file('system'));
    const before = await withMount(file('system'), '', async (folder) => {
      if (root !== '') {
        tool('btrfs', 'subvolume', 'create', path.join(folder, root));
        // It is looked for under this name first, and must not be found out there.
        await fs.symlink(file('outside'), path.join(folder, '@'));
      }
      await fillLinux(path.join(folder, root));
      return await readLinux(path.join(folder, root));
    });
    const disk = await makeVolumesDisk(file('disk'), [await fs.readFile(file('system'))]);
    const { size } = await fs.stat(disk);
    await makeRawDisk(file('target'), size + 24 * mib);
    const result = await duplicate(disk, file('target'), one.options);
    expect(result.settings?.kept).toMatchObject([netplan]);
    expect(result.warnings.join()).toContain('/etc/netplan/50.yaml on partition 1 is as captured');
    expect(new Set(result.settings?.changed.map(({ file }) => file))).toEqual(
      new Set([
        ...['/etc/hostname', '/etc/hosts', '/etc/machine-id'],
        ...keyTypes.map((type) => `/${hostKey(type)}`),
        ...['/etc/udev/rules.d/70-persistent-net.rules', '/etc/NetworkManager/system-connections/lan'],
      ]),
    );
    expect(finishError(result)).toBe(null);
    // To the end of the disk.
    const grown = 'grow' in one.options ? 24 + 1 : 0;
    tool('dd', `if=${file('target')}`, `of=${file('part')}`, 'bs=1M', 'skip=1', `count=${size / mib - 2 + grown}`);
    one.check(file('part'));
    await withMount(file('part'), '', (folder) => expectOwnSettings(path.join(folder, root), before));
    expect(await describeTree(file('outside'))).toEqual(outside);
  });
});

test('a Linux in a logical volume of several pieces', async () => {
  await withTempDirectory(async (directory) => {
    const [system, place] = [path.join(directory, 'system'), { sizeBytes: 32 * mib }];
    await makeRawDisk(system, 0);
    tool('mkfs.ext4', '-q', '-F', system, '16M');
    const before = await withMount(system, '', async (folder) => {
      await fillLinux(folder);
      return await readLinux(folder);
    });
    const disk = await makeGroupDisk(path.join(directory, 'disk'), place, async (lvm) => {
      await createVolume(lvm, 'root', 6);
      await createVolume(lvm, 'other', 2);
      await lvm('lvextend', '-l', '16', 'GROUP/root');
    });
    await putVolume(disk, place, 'root', system);
    const target = path.join(directory, 'target');
    const result = await duplicate(disk, target, { newIds: true, allowMember: true });
    expect(result.settings?.kept).toMatchObject([netplan]);
    const volume = await takeVolume(target, place, 'root', path.join(directory, 'part'));
    tool('e2fsck', '-fn', volume);
    await withMount(volume, '', (folder) => expectOwnSettings(folder, before));
  });
});

test('links that lead out of it are not followed, and the restore says what it could not set', async () => {
  await withTempDirectory(async (directory) => {
    const file = (name: string) => path.join(directory, name);
    await fs.writeFile(file('outside'), 'untouched\n');
    await makeRawDisk(file('system'), 0);
    tool('mkfs.ext4', '-q', '-F', file('system'), '16M');
    await withMount(file('system'), '', async (folder) => {
      await fillLinux(folder);
      await fs.rm(path.join(folder, 'etc/hostname'));
      await fs.symlink(file('outside'), path.join(folder, 'etc/hostname'));
      await fs.rename(path.join(folder, 'etc/ssh'), path.join(folder, 'ssh'));
      await fs.symlink(directory, path.join(folder, 'etc/ssh'));
    });
    tool('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', file('ssh_host_ed25519_key'));
    const key = await fs.readFile(file('ssh_host_ed25519_key'), 'utf8');
    const disk = await makeVolumesDisk(file('disk'), [await fs.readFile(file('system'))]);
    const result = await duplicate(disk, file('target'));
    const failed = result.settings?.kept.filter((kept) => kept.failed).map((kept) => kept.file);
    expect(failed).toEqual(['/etc/hostname', ...[...keyTypes, 'dsa'].map((type) => `/${hostKey(type)}`)]);
    expect(finishError(result)).toMatchObject({
      code: 'settings-incomplete',
      message: expect.stringContaining('whole'),
    });
    expect(await fs.readFile(file('outside'), 'utf8')).toBe('untouched\n');
    expect(await fs.readFile(file('ssh_host_ed25519_key'), 'utf8')).toBe(key);
  });
});

test('a disk without a Linux is restored and says that nothing is set; a name that is none is refused before the first write', async () => {
  await withTempDirectory(async (directory) => {
    const file = (name: string) => path.join(directory, name);
    await makeRawDisk(file('data'), 0);
    tool('mkfs.ext4', '-q', '-F', file('data'), '8M');
    const result = await duplicate(file('data'), file('target'));
    expect(result).toMatchObject({ settings: { changed: [], kept: [] } });
    expect(result.warnings.join()).toContain('no Linux was found on it');
    await fs.writeFile(file('target'), Buffer.alloc(8 * mib, 'mine'));
    const refused = duplicate(file('data'), file('target'), { hostName: 'Empfang 2' });
    await expect(refused).rejects.toMatchObject({ code: 'invalid-input', hint: expect.stringContaining('rename') });
    expect(await fs.readFile(file('target'))).toEqual(Buffer.alloc(8 * mib, 'mine'));
  });
});
