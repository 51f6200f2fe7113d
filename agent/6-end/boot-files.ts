// Last stage, kexec: files of a restored disk's file systems, which are not written: ext by debugfs, since the kernel of the Deploy-OS has no ext; the rest mounted.
import { copyFile, lstat, mkdir, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runBounded } from '../1-boot/bounded-tool.ts';

export type BootFiles = {
  /** Copies a file, of at most `maxBytes`, following links within the file system; false where there is none. */
  readonly copy: (path: string, to: string, maxBytes: number) => Promise<boolean>;
  /** Names of the plain files in a folder; none where there is no folder. */
  readonly list: (folder: string) => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
};

const toolWithinMs = 120_000;
const maxLinks = 8;
/** None of these replays a journal. */
const mountOptions: Readonly<Record<string, string>> = { xfs: 'ro,norecovery,nouuid', vfat: 'ro' };

type Node =
  | { readonly kind: 'file'; readonly sizeBytes: number }
  | { readonly kind: 'link'; readonly to: string }
  | { readonly kind: 'none' };

/** Null for a file system of which nothing is read. `folder` is for the mount. */
export async function openBootFiles(
  devicePath: string,
  fileSystem: string | null,
  folder: string,
): Promise<BootFiles | null> {
  if (/^ext[234]$/.test(fileSystem ?? '')) return openExt(devicePath);
  const options = mountOptions[fileSystem ?? ''];
  if (fileSystem === null || options === undefined) return null;
  await mkdir(folder, { recursive: true });
  const args = ['-t', fileSystem, '-o', `${options},nosuid,nodev,noexec`, devicePath, folder];
  const { ok } = await runBounded('mount', args, toolWithinMs);
  return ok ? openMounted(folder) : null;
}

/** Only as many links as a person would make; `..` in one leads out of what can be told without the tree, and is refused. */
async function follow(
  path: string,
  look: (path: string) => Promise<Node>,
): Promise<{ path: string; sizeBytes: number } | null> {
  for (let links = 0; links <= maxLinks; links++) {
    const node = await look(path);
    if (node.kind === 'file') return { path, sizeBytes: node.sizeBytes };
    if (node.kind === 'none' || node.to.split('/').includes('..') || !/^[\w.@:+,/-]+$/.test(node.to)) return null;
    path = node.to.startsWith('/') ? node.to : join(dirname(path), node.to);
  }
  return null;
}

function openExt(devicePath: string): BootFiles {
  const ask = async (command: string) => {
    const { said } = await runBounded('debugfs', ['-c', '-R', command, devicePath], toolWithinMs);
    return said;
  };
  const look = async (path: string): Promise<Node> => {
    const said = await ask(`stat "${path}"`);
    const [, to] = /^Fast link dest: "(.*)"$/m.exec(said) ?? [];
    if (to !== undefined) return { kind: 'link', to };
    if (!/^Inode: \d+\s+Type: regular\s/m.test(said)) return { kind: 'none' };
    return { kind: 'file', sizeBytes: Number(/^User: .*\sSize: (\d+)$/m.exec(said)?.[1] ?? Number.NaN) };
  };
  return {
    copy: async (path, to, maxBytes) => {
      const file = await follow(path, look);
      if (file === null || !(file.sizeBytes <= maxBytes)) return false;
      await ask(`dump "${file.path}" ${to}`);
      return await stat(to).then(
        ({ size }) => size === file.sizeBytes,
        () => false,
      );
    },
    list: async (folder) => {
      const said = await ask(`ls -p "${folder}"`);
      return [...said.matchAll(/^\/\d+\/100\d{3}\/\d+\/\d+\/([^/\n]+)\/\d+\/$/gm)].map(([, name = '']) => name);
    },
    close: async () => {},
  };
}

function openMounted(root: string): BootFiles {
  const look = async (path: string): Promise<Node> => {
    // Links of folders that lead elsewhere would lead into the Deploy-OS.
    const folder = await realpath(join(root, dirname(path))).catch(() => '');
    if (folder !== root && !folder.startsWith(`${root}/`)) return { kind: 'none' };
    const found = await lstat(join(root, path)).catch(() => null);
    if (found?.isSymbolicLink()) return { kind: 'link', to: await readlink(join(root, path)) };
    return found?.isFile() ? { kind: 'file', sizeBytes: found.size } : { kind: 'none' };
  };
  return {
    copy: async (path, to, maxBytes) => {
      const file = await follow(path, look);
      if (file === null || file.sizeBytes > maxBytes) return false;
      return await copyFile(join(root, file.path), to).then(
        () => true,
        () => false,
      );
    },
    list: async (folder) => {
      const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
      return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    },
    close: async () => {
      await runBounded('umount', [root], toolWithinMs);
    },
  };
}
