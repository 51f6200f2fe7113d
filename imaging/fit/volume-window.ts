// A logical volume as a block device of its own, for the tools that change file systems: its extents, wherever they lie on the physical
// volume, are shown as one file (FUSE), and a loop device stands on that. No device mapper is needed, and none is asked.
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { outOfRange } from '../blockdev/byte-reader.ts';
import { type LvmLeg, placeInOrder } from '../fs/lvm-legs.ts';
import type { ByteFile } from '../fuse/file-tree.ts';
import { withTree } from '../mount/tree-view.ts';
import { withLoopWindow } from './loop-window.ts';

const fileName = 'volume.img';

/**
 * Gives `work` a device over `leg` of the physical volume at `pvPath`. When it returns, all that was written is on its way no more.
 * @throws what `work` throws; the first error of the physical volume, also where no tool was told; mount-failed, grow-failed, tool-missing
 */
export async function withVolumeWindow<Result>(
  { pvPath, leg, sectorSizeBytes }: { pvPath: string; leg: LvmLeg; sectorSizeBytes: number },
  work: (devicePath: string) => Promise<Result>,
): Promise<Result> {
  await using pv = await open(pvPath, 'r+');
  const errors: Error[] = [];
  const entries = [{ name: fileName, file: fileOfLeg(pv, leg) }];
  const result = await withTree(
    entries,
    (error) => errors.push(error),
    async (folder) => {
      const window = { path: path.join(folder, fileName), startBytes: 0, sizeBytes: leg.sizeBytes, sectorSizeBytes };
      return await withLoopWindow(window, work);
    },
  );
  await pv.sync();
  if (errors[0] !== undefined) throw errors[0];
  return result;
}

function fileOfLeg(pv: FileHandle, leg: LvmLeg): ByteFile {
  const { sizeBytes, owner } = leg;
  const placesOf = (startBytes: number, lengthBytes: number) => {
    if (startBytes + lengthBytes > sizeBytes) throw outOfRange(`volume ${owner}`, startBytes, lengthBytes, sizeBytes);
    return placeInOrder(leg, { startBytes, lengthBytes });
  };
  return {
    sizeBytes,
    read: async (offsetBytes, lengthBytes) => {
      const into = Buffer.alloc(lengthBytes);
      let done = 0;
      for (const place of placesOf(offsetBytes, lengthBytes)) {
        await readAll(pv, into.subarray(done, done + place.lengthBytes), place.startBytes);
        done += place.lengthBytes;
      }
      return into;
    },
    write: async (offsetBytes, bytes) => {
      let done = 0;
      for (const place of placesOf(offsetBytes, bytes.length)) {
        await writeAll(pv, bytes.subarray(done, done + place.lengthBytes), place.startBytes);
        done += place.lengthBytes;
      }
    },
  };
}

async function readAll(pv: FileHandle, into: Uint8Array, atBytes: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await pv.read(into, done, into.length - done, atBytes + done);
    if (bytesRead === 0) throw new Error('the physical volume ends in the middle of a volume');
    done += bytesRead;
  }
}

async function writeAll(pv: FileHandle, bytes: Uint8Array, atBytes: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await pv.write(bytes, done, bytes.length - done, atBytes + done)).bytesWritten;
  }
}
