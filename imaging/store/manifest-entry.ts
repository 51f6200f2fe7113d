// What a store knows of a manifest it files: checked before it is put, read back for the list.
import { DeployError } from '../../protocol/errors.ts';
import { isSealedManifest, parseStoredManifest } from '../crypt/sealed-manifest.ts';
import { normalizeImageName } from '../manifest/image-name.ts';
import type { ManifestEntry } from './chunk-store.ts';
import type { StoreMaintenance } from './store-maintenance.ts';

/** @throws manifest-corrupt, manifest-version; invalid-input when the manifest bears another name */
export function manifestEntry(name: string, bytes: Uint8Array): ManifestEntry {
  const entry = readManifestEntry(bytes);
  if (entry.name === normalizeImageName(name)) return entry;
  throw new DeployError('invalid-input', `the manifest of '${entry.name}' cannot be stored as '${name}'`);
}

/** @throws manifest-corrupt, manifest-version */
function readManifestEntry(bytes: Uint8Array): ManifestEntry {
  const manifest = parseStoredManifest(bytes);
  const { id, name, createdAt } = manifest;
  if (isSealedManifest(manifest)) {
    return { id, name, sizeBytes: manifest.sizeBytes, createdAt, keyId: manifest.keyId };
  }
  const { geometry, parent } = manifest;
  return { id, name, sizeBytes: geometry.sizeBytes, createdAt, ...(parent === null ? {} : { parentId: parent.id }) };
}

/** What a list shows of a manifest in a store; null for a damaged one, which `store check` names. */
function entryUnlessDamaged(bytes: Buffer): ManifestEntry | null {
  try {
    return readManifestEntry(bytes);
  } catch (thrown) {
    if (thrown instanceof DeployError) return null;
    throw thrown;
  }
}

/** In order of name, by code point: the same on every machine whatever its language. */
export function sortByName(entries: ManifestEntry[]): ManifestEntry[] {
  return entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

export function imageExists(name: string, label: string): DeployError {
  return new DeployError('image-exists', `there is already an image '${name}' in ${label}`, {
    hint: 'Choose another name, or delete that image first (`deploy-os image delete`).',
  });
}

export function imageNotFound(name: string, label: string): DeployError {
  return new DeployError('image-not-found', `there is no image '${name}' in ${label}`, {
    hint: 'List the images with `deploy-os image list`.',
  });
}

export function chunkNotFound(digest: string, label: string): DeployError {
  return new DeployError('chunk-not-found', `chunk ${digest} is not in ${label}`, {
    hint: 'The store has lost a file; restore it from its backup, or capture the image again.',
  });
}

/** The announcement of a manifest was deleted before it became an image. */
export function withdrawn(name: string, label: string, cause?: unknown): DeployError {
  return new DeployError('store-io', `filing the manifest of '${name}' in ${label}: it was announced too long ago`, {
    cause,
    hint: 'Garbage collection took it for one of a capture that died. Capture again; what is stored is not sent twice.',
  });
}

/** The visible images of a store in order of name. Damaged manifests are left out; `store check` names them. */
export async function listWholeManifests(
  maintenance: Pick<StoreMaintenance, 'readManifests'>,
  signal?: AbortSignal,
): Promise<ManifestEntry[]> {
  const entries: ManifestEntry[] = [];
  for await (const { announced, bytes } of maintenance.readManifests(signal)) {
    const entry = announced ? null : entryUnlessDamaged(bytes);
    if (entry !== null) entries.push(entry);
  }
  return sortByName(entries);
}
