// The reader of last resort: every byte counts as used; it only names what it sees.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { FileSystemMap } from './file-system-reader.ts';
import { findSignatures, type Signature } from './signatures.ts';
import { findLogUuid } from './xfs-log-record.ts';

/** Everything in `bytes` as used, under the name of the first signature found (null fields where none is known). */
export async function readRawMap(bytes: ByteReader, notes: readonly string[] = []): Promise<RawMap> {
  const [signature] = await findSignatures(bytes);
  const found = signature ?? (await findExternalLog(bytes));
  return {
    fileSystem: found?.name ?? null,
    uuid: found?.uuid ?? null,
    label: found?.label ?? null,
    reader: 'raw',
    used: allOf(bytes),
    notes,
  };
}

/** Records of a log also stay behind, under what is written over it: they name only what nothing else does. Their UUID is another's. */
async function findExternalLog(bytes: ByteReader): Promise<Signature | null> {
  const uuid = await findLogUuid(bytes);
  return uuid === null ? null : { name: 'xfs_external_log', uuid: null, label: null };
}

/** A map whose file system may be unknown. */
export type RawMap = Omit<FileSystemMap, 'fileSystem'> & { readonly fileSystem: string | null };

/** One extent over all of `bytes`. */
export function allOf(bytes: ByteReader): FileSystemMap['used'] {
  return bytes.sizeBytes === 0 ? [] : [{ startBytes: 0, lengthBytes: bytes.sizeBytes }];
}
