// The image that UEFI's HTTP boot loads, with this server's address in it: GRUB inside goes on by TFTP from there.
import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** What stands for the address in `initramfs/boot/http-boot-server.cfg`. */
const placeholder = '@'.repeat(64);

/** Answers null when it is not built. `server` is `ADDRESS:PORT`; TFTP has a port of its own. */
export async function readHttpBootImage(bootDir: string, server: string): Promise<Buffer | null> {
  const image = await readFile(path.join(bootDir, 'http-boot.img')).catch(() => null);
  if (image === null) return null;
  const address = server.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const at = image.indexOf(placeholder);
  if (at !== -1) image.write(address.slice(0, placeholder.length).padEnd(placeholder.length), at, 'latin1');
  return image;
}
