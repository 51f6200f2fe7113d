// Notices a Windows that sleeps in an NTFS: what it holds in memory belongs to the volume too.
import { corrupt } from './distrust.ts';
import { findInDirectory, rootDirectory } from './ntfs-directory.ts';
import type { Mft } from './ntfs-mft.ts';
import { attributeTypes } from './ntfs-record.ts';

const headBytes = 4096;
const isCompressed = 0xff;

/**
 * A hiberfil.sys that starts with zeros, or with `wake` after a resumption, holds nothing; every other one may.
 * @throws DeployError file-system-corrupt when a system sleeps here
 */
export async function checkHibernation(mft: Mft): Promise<void> {
  const reference = await findInDirectory(mft, rootDirectory, 'hiberfil.sys');
  if (reference === null) return;
  const file = await mft.openStream(reference.number, attributeTypes.data, '');
  if (file.flags & isCompressed) throw corrupt('its hiberfil.sys cannot be looked into');
  // A short one names the volume on which the system sleeps that has this one mounted.
  if (file.dataBytes < headBytes) throw corrupt('a Windows that has it mounted is hibernated');
  const head = file.initializedBytes < headBytes ? Buffer.alloc(headBytes) : await mft.read(file, 0, headBytes);
  const isAwake = head.toString('latin1', 0, 4).toLowerCase() === 'wake' || head.every((byte) => byte === 0);
  if (!isAwake) throw corrupt('a Windows is hibernated in it');
}
