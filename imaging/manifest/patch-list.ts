// Which chunks of an image are stored as patches: instead of its own bytes, those of a base and what sets it apart (docs/format.md, "Patch list").

import { DeployError } from '../../protocol/errors.ts';
import { decodeChunk } from '../chunk/stored-chunk.ts';
import type { ChunkStore, Digest } from '../store/chunk-store.ts';
import type { Manifest } from './manifest.ts';

/** Both are chunks as the store has them under these names: a base is never put together from a patch. */
export type Patch = { readonly base: Digest; readonly patch: Digest };

/** By the digest of the slot that base and patch make. */
export type Patches = ReadonlyMap<Digest, Patch>;

/** More slots of an image than this are stored whole: the list is held in memory. At 1 MiB a slot it stands for 64 GiB of changed slots. */
export const maxPatches = 65_536;

const headerBytes = 12;
const entryBytes = 96;
const magic = Buffer.from('DOPL');
const version = 1;

export function encodePatchList(patches: Patches): Buffer {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header[4] = version;
  header.writeUInt32LE(patches.size, 8);
  const entries = [...patches].sort(([a], [b]) => (a < b ? -1 : 1));
  const digests = entries.flatMap(([digest, { base, patch }]) => [digest, base, patch]);
  return Buffer.concat([header, ...digests.map((digest) => Buffer.from(digest, 'hex'))]);
}

/** Foreign bytes. @throws manifest-corrupt */
export function readPatchList(bytes: Uint8Array): Patches {
  const list = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (list.length < headerBytes || !list.subarray(0, 4).equals(magic)) throw corrupt('it does not begin as one');
  if (list[4] !== version) throw corrupt(`its version is ${list[4]}, known is ${version}`);
  const count = list.readUInt32LE(8);
  if (list.readUIntLE(5, 3) !== 0 || count > maxPatches) throw corrupt('its header is damaged');
  if (list.length !== headerBytes + count * entryBytes) throw corrupt('its length is not that of its entries');
  const patches = new Map<Digest, Patch>();
  let previous = '';
  for (let at = headerBytes; at < list.length; at += entryBytes) {
    const [digest = '', base = '', patch = ''] = [0, 32, 64].map((part) =>
      list.toString('hex', at + part, at + part + 32),
    );
    if (digest <= previous) throw corrupt('its entries are not in order');
    previous = digest;
    patches.set(digest, { base, patch });
  }
  return patches;
}

const none: Patches = new Map();

/** The patches of an image, and what the store gave for them. @throws chunk-not-found, chunk-corrupt, manifest-corrupt */
export async function loadPatches(
  store: Pick<ChunkStore, 'getChunk'>,
  { patches: digest }: Pick<Manifest, 'patches'>,
  signal?: AbortSignal,
): Promise<{ patches: Patches; bytesFetched: number }> {
  if (digest === undefined) return { patches: none, bytesFetched: 0 };
  const stored = await store.getChunk(digest, signal);
  return { patches: readPatchList(decodeChunk(digest, stored)), bytesFetched: stored.length };
}

function corrupt(why: string): DeployError {
  return new DeployError('manifest-corrupt', `a patch list is damaged: ${why}`);
}
