// An image out of the store as people want to see it.
import { isSealedManifest, parseStoredManifest } from '../../imaging/crypt/sealed-manifest.ts';
import type { Manifest } from '../../imaging/manifest/manifest.ts';
import { describeSystem } from '../../imaging/preflight/finding.ts';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import type { ImageDetails } from '../../protocol/image.ts';

/** @throws image-not-found, manifest-corrupt, manifest-version */
export async function describeImage(store: ChunkStore, name: string): Promise<Omit<ImageDetails, 'health'>> {
  const manifest = parseStoredManifest(await store.getManifest(name));
  const { id, createdAt } = manifest;
  const common = { id, name: manifest.name, createdAt };
  if (isSealedManifest(manifest)) {
    return { ...common, sizeBytes: manifest.sizeBytes, keyId: manifest.keyId, contents: null };
  }
  return { ...common, sizeBytes: manifest.geometry.sizeBytes, keyId: null, contents: describeContents(manifest) };
}

function describeContents(manifest: Manifest): NonNullable<ImageDetails['contents']> {
  const { source, geometry, usedBytes, parent, importedFrom, warnings, rootDigest } = manifest;
  return {
    ...{ source, sectorSizeBytes: geometry.sectorSizeBytes, table: geometry.table, usedBytes, warnings, rootDigest },
    partitions: manifest.partitions.map((partition) => ({
      ...{ number: partition.number, startBytes: partition.startBytes, sizeBytes: partition.sizeBytes },
      ...{ usedBytes: partition.usedBytes, fileSystem: partition.fileSystem, reader: partition.reader },
      ...{ name: partition.partitionName, label: partition.fileSystemLabel, uuid: partition.fileSystemUuid },
      notes: partition.notes,
    })),
    systems: (manifest.systems ?? []).map(describeSystem),
    parent: parent?.name ?? null,
    importedFrom: importedFrom === undefined ? null : `${importedFrom.name} (${importedFrom.format})`,
    lostBytes: (manifest.lost ?? []).reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
  };
}
