// The names of the chunks that one segment of an encrypted image needs: what check and garbage collection read without a key (docs/format.md, "Chunk list").
import { DeployError } from '../../protocol/errors.ts';
import type { Digest } from '../store/chunk-store.ts';

const headerBytes = 12;
const nameBytes = 32;
const magic = Buffer.from('DOSL');
const version = 1;

/** Sorted, each once: the order of a disk is nobody's business. */
export function encodeChunkList(names: ReadonlySet<Digest>): Buffer {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header[4] = version;
  header.writeUInt32LE(names.size, 8);
  return Buffer.concat([header, ...[...names].sort().map((name) => Buffer.from(name, 'hex'))]);
}

/** Foreign bytes. @throws manifest-corrupt */
export function* readChunkList(bytes: Uint8Array): Generator<Digest> {
  const list = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (list.length < headerBytes || !list.subarray(0, 4).equals(magic)) throw corrupt('it does not begin as one');
  if (list[4] !== version) throw corrupt(`its version is ${list[4]}, known is ${version}`);
  if (list.readUIntLE(5, 3) !== 0) throw corrupt('its header is damaged');
  if (list.length !== headerBytes + list.readUInt32LE(8) * nameBytes)
    throw corrupt('its length is not that of its names');
  let previous = '';
  for (let at = headerBytes; at < list.length; at += nameBytes) {
    const name = list.toString('hex', at, at + nameBytes);
    if (name <= previous) throw corrupt('its names are not in order');
    previous = name;
    yield name;
  }
}

function corrupt(why: string): DeployError {
  return new DeployError('manifest-corrupt', `a chunk list is damaged: ${why}`);
}
