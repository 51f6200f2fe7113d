// The used bytes of a qcow2 file's disk, brought to the scratch disk.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { throwIfCancelled } from '../cancelled.ts';
import { intersect } from '../chunk/ranges.ts';
import type { DiskMap } from '../disk-map.ts';
import { type Extent, totalBytes } from '../extent.ts';
import { type MapOptions, mapBytes } from '../map.ts';
import { openQcow2, type Qcow2Disk } from './qcow2-reader.ts';
import type { ScratchDisk } from './scratch-disk.ts';

const readAtOnceBytes = 2 ** 20;

/** @throws import-unsupported, import-corrupt, scratch-full, cancelled */
export async function unpackQcow2(file: ByteReader, scratch: ScratchDisk, options: MapOptions): Promise<DiskMap> {
  const disk = await openQcow2(file);
  const map = await mapBytes(disk, options);
  // What has no cluster reads as zeros, as the scratch disk does where nothing is written.
  const wanted = intersect(map.used, await listData(disk));
  await scratch.resize(disk.sizeBytes);
  const bytesTotal = totalBytes(wanted);
  let bytesDone = 0;
  for (const { startBytes, lengthBytes } of wanted) {
    for (let done = 0; done < lengthBytes; done += readAtOnceBytes) {
      throwIfCancelled(options.signal);
      const portion = Math.min(readAtOnceBytes, lengthBytes - done);
      await scratch.write(startBytes + done, await disk.read(startBytes + done, portion));
      bytesDone += portion;
      options.onProgress?.({ phase: 'unpack', bytesDone, bytesTotal, bytesTransferred: 0 });
    }
  }
  await scratch.flush();
  const { snapshots } = disk.header;
  if (snapshots === 0) return map;
  return { ...map, notes: [...(map.notes ?? []), `its ${snapshots} snapshots are left out`] };
}

async function listData(disk: Qcow2Disk): Promise<Extent[]> {
  const merged: { startBytes: number; lengthBytes: number }[] = [];
  for await (const { startBytes, lengthBytes } of disk.dataExtents()) {
    const last = merged.at(-1);
    if (last !== undefined && last.startBytes + last.lengthBytes === startBytes) last.lengthBytes += lengthBytes;
    else merged.push({ startBytes, lengthBytes });
  }
  return merged;
}
