// Where in an image the roots of Linux systems are, for a restore that changes their files.
import type { Manifest } from '../manifest/manifest.ts';
import type { System } from '../manifest/system.ts';

type Partition = Manifest['partitions'][0];
/** A Linux of the image, and what its root is on. */
export type LinuxRoot = {
  readonly system: System;
  readonly partition: Partition;
  /** Of the partition, or of the volume in it. */
  readonly content: Pick<Partition, 'fileSystem' | 'fileSystemUuid' | 'reader'>;
};

/** Each Linux that was found when `captured` was, and where it lies on a disk that the image was fitted to. */
export function listLinuxRoots(
  { systems = [] }: Pick<Manifest, 'systems'>,
  { partitions }: Pick<Manifest, 'partitions'>,
): LinuxRoot[] {
  return systems.flatMap((system) => {
    const partition =
      system.kind === 'linux' ? partitions.find(({ number }) => number === system.partition) : undefined;
    if (partition === undefined) return [];
    const content =
      system.volume === undefined ? partition : partition.volumes?.find(({ name }) => name === system.volume);
    return content === undefined ? [] : [{ system, partition, content }];
  });
}
