// Part of stage 8: the words for the kernel that a medium is made with, in a file of fixed size, so that a server can put others in their place
// (server/media/medium.ts) without building the ISO anew.
import { readFile } from 'node:fs/promises';
import { DeployError } from '../../protocol/errors.ts';

const sizeBytes = 4096;

/** What GRUB sources. The first line is how the server knows it. @throws DeployError build-failed when it is too long. */
export function writeMediumSettings(kernelOptions: string): Buffer {
  // Quoted for GRUB: single quotes hold everything but themselves.
  const quoted = kernelOptions.replaceAll("'", String.raw`'\''`);
  const text = Buffer.from(`# Deploy-OS medium settings 1\nset deploy_options='${quoted}'\n`);
  if (text.length >= sizeBytes) {
    throw new DeployError('build-failed', `the options of the ISO are too long: ${kernelOptions.length} characters`);
  }
  // The rest is a comment.
  const bytes = Buffer.alloc(sizeBytes, '#');
  text.copy(bytes);
  bytes.write('\n', sizeBytes - 1);
  return bytes;
}

/** Where they lie in the finished image, for build-manifest.json. @throws DeployError build-failed when they are not there just once. */
export async function findMediumSettings(
  iso: string,
  kernelOptions: string,
): Promise<{ settingsOffset: number; settingsBytes: number }> {
  const [image, settings] = [await readFile(iso), writeMediumSettings(kernelOptions)];
  const settingsOffset = image.indexOf(settings);
  if (settingsOffset === -1 || image.indexOf(settings, settingsOffset + 1) !== -1) {
    throw new DeployError('build-failed', `${iso} does not have its settings once`);
  }
  return { settingsOffset, settingsBytes: sizeBytes };
}
