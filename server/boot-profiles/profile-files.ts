// The files of a boot profile on the server: found, and looked at, when it is saved and each time that it is used.
import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import type { BootProfile } from '../../protocol/boot-profile.ts';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import type { ServerConfig } from '../config.ts';
import { findClosedFolder } from '../dhcp/closed-folder.ts';

/** By the names under which they are served. */
export const profileFileNames = ['vmlinuz', 'initramfs.img', 'overlay.cpio'] as const;
export type ProfileFileName = (typeof profileFileNames)[number];

type Files = Pick<BootProfile, 'build' | 'overlay'>;
type Place = Pick<ServerConfig, 'dataDir' | 'bootDir' | 'dhcp'>;

/** The files that the profile has of its own: name → where it is. */
export function listProfileFiles({ build, overlay }: Files, { dataDir }: Place): Map<ProfileFileName, string> {
  const files = new Map<ProfileFileName, string>();
  if (build !== null) {
    files.set('vmlinuz', path.resolve(dataDir, build, 'vmlinuz'));
    files.set('initramfs.img', path.resolve(dataDir, build, 'initramfs.img'));
  }
  if (overlay !== null) files.set('overlay.cpio', path.resolve(dataDir, overlay));
  return files;
}

/** @throws DeployError invalid-input, naming the first file that is missing or is no such thing. */
export async function checkProfileFiles(profile: Files, place: Place): Promise<void> {
  for (const [name, file] of listProfileFiles(profile, place)) await checkFile(name, file, place);
}

/**
 * They are given to anyone who asks, so only what every user of the server may read, and what is a kernel or an archive by its first bytes:
 * with a mistaken path nothing else gets out.
 */
async function checkFile(name: ProfileFileName, file: string, { bootDir, dhcp }: Place): Promise<void> {
  const wrong = (why: string, hint: string) => new DeployError('invalid-input', `${file}: ${why}`, { hint });
  const status = await stat(file).catch((thrown) => {
    const hint = 'Paths are those of the server, from its data directory unless they begin with /.';
    throw wrong(toDeployError(thrown).message, hint);
  });
  if (!status.isFile()) throw wrong('no file', 'Name the folder of a build, and the file of an overlay.');
  if ((status.mode & 0o004) === 0) {
    throw wrong(
      'not everyone may read it, and what machines boot is public',
      `chmod o+r, if that may be known to all.`,
    );
  }
  const is = name === 'vmlinuz' ? isKernel : isArchive;
  if (!is(await readHead(file))) {
    const what = name === 'vmlinuz' ? 'a Linux kernel' : 'a cpio archive, compressed or not';
    throw wrong(`it does not begin as ${what} does`, '`deploy-os build` makes builds, and overlays with --overlay.');
  }
  // dnsmasq has given up root's rights, if its own tree let it.
  const closed = dhcp === undefined ? null : await findClosedFolder(path.dirname(file));
  if (closed !== null && (await findClosedFolder(path.join(bootDir, 'tftp'))) === null) {
    throw wrong(`TFTP cannot reach it: ${closed} is closed to others`, `chmod o+x ${closed}, or put it elsewhere.`);
  }
}

const headBytes = 1024;

async function readHead(file: string): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** x86: "HdrS" (docs.kernel.org/arch/x86/boot.html); arm64: "ARM\x64" (docs.kernel.org/arch/arm64/booting.html), or an EFI program that unpacks it ("zimg"). */
function isKernel(head: Buffer): boolean {
  const has = (text: string, at: number) => head.toString('latin1', at, at + text.length) === text;
  return has('HdrS', 0x202) || has('ARM\x64', 0x38) || (has('MZ', 0) && has('zimg', 4));
}

/** newc cpio, or what the kernel unpacks: gzip, xz, zstd, lz4, bzip2, lzma (lib/decompress.c). */
const archiveHeads = ['303730373031', '1f8b', 'fd377a585a00', '28b52ffd', '02214c18', '425a68', '5d0000'];

function isArchive(head: Buffer): boolean {
  return archiveHeads.some((magic) => head.toString('hex').startsWith(magic));
}
