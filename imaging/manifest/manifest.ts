// The description of an image: what a restore needs to know before the first chunk, and what a person wants to see (docs/format.md, "Manifest").
import { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import { digestOf } from '../chunk/digest.ts';
import { segmentSizeBytes } from '../chunk/slots.ts';
import { maxPartitions } from '../partition/partition.ts';
import type { Digest } from '../store/chunk-store.ts';
import { corrupt, plainFormat, readSignedJson, type SignedJson, sealedFormat, signJson } from './signed-json.ts';
import { maxSystems, systemSchema } from './system.ts';

const bytes = z.int().min(0);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const text = z.string().max(4096);
const optionalText = text.nullable();

const volume = z.object({
  name: text,
  sizeBytes: bytes,
  fileSystem: optionalText,
  fileSystemUuid: optionalText,
  fileSystemLabel: optionalText,
  reader: text,
  usedBytes: bytes,
  notes: z.array(text).max(1000).readonly(),
});

/** As the table says, which may be wrong: a partition may lie outside the disk. */
const partition = z.object({
  number: z.int().min(0),
  startBytes: bytes,
  sizeBytes: bytes,
  type: optionalText,
  partitionUuid: optionalText,
  partitionName: optionalText,
  fileSystem: optionalText,
  fileSystemUuid: optionalText,
  fileSystemLabel: optionalText,
  reader: text,
  usedBytes: bytes,
  notes: z.array(text).max(1000),
  volumes: z.array(volume).max(10_000).readonly().exactOptional(),
});

/** What `image undo` puts back: which disk it was, the partition of it if it is only of one, and the image that went over it. */
const escrow = z.object({
  wwn: optionalText,
  path: text,
  partition: z.object({ number: z.int().min(1), startBytes: bytes, sizeBytes: bytes }).exactOptional(),
  image: z.object({
    id: z.uuid(),
    name: text,
    rootDigest: digest,
    table: z.enum(['gpt', 'mbr', 'none']),
    diskId: optionalText,
    fileSystemUuid: optionalText,
  }),
});

const schema = z.object({
  format: z.literal(plainFormat),
  version: z.literal([1, 2]),
  id: z.uuid(),
  name: text.min(1),
  createdAt: z.iso.datetime(),
  toolVersion: text,
  source: z.object({ label: text, model: optionalText, serial: optionalText }),
  geometry: z.object({
    sizeBytes: bytes.min(512).multipleOf(512),
    sectorSizeBytes: z.literal([512, 4096]),
    table: z.enum(['gpt', 'mbr', 'none']),
    diskId: optionalText,
  }),
  partitions: z.array(partition).max(maxPartitions),
  capturedPartitions: z.array(z.int().min(1)).min(1).max(maxPartitions).exactOptional(),
  tableSectors: z.array(z.object({ offsetBytes: bytes, base64: z.base64().max(2 ** 21) })).max(300),
  chunkSizeBytes: z
    .int()
    .min(65536)
    .max(8 * 2 ** 20),
  segmentSizeBytes: z.literal(segmentSizeBytes),
  usedBytes: bytes,
  usedEndBytes: bytes,
  segments: z.array(digest.nullable()).max(2 ** 20),
  /** The list of the chunks that are stored as patches. */
  patches: digest.exactOptional(),
  parent: z.object({ id: z.uuid(), name: text, rootDigest: digest }).nullable(),
  warnings: z.array(text).max(1000),
  systems: z.array(systemSchema).max(maxSystems).exactOptional(),
  lost: z
    .array(z.object({ startBytes: bytes, lengthBytes: bytes }))
    .max(100_000)
    .exactOptional(),
  lostFiles: z
    .array(z.object({ partition: z.int().min(0), path: text }))
    .max(10_000)
    .exactOptional(),
  escrow: escrow.exactOptional(),
  importedFrom: z.object({ name: text, format: text }).exactOptional(),
  rootDigest: digest,
  manifestDigest: digest,
});

export type Manifest = z.infer<typeof schema>;
/** A manifest before it is sealed with its two digests. */
export type ManifestDraft = Omit<Manifest, 'format' | 'version' | 'segmentSizeBytes' | 'rootDigest' | 'manifestDigest'>;

/** The draft with format, version and digests, and the bytes to store. */
export function sealManifest(draft: ManifestDraft): { manifest: Manifest; bytes: Buffer } {
  const unsealed = {
    ...draft,
    format: plainFormat,
    version: draft.patches === undefined ? 1 : 2,
    segmentSizeBytes,
    rootDigest: rootDigestOf(draft),
  } as const;
  const sealed = signJson(unsealed);
  return { manifest: parseManifest(sealed), bytes: sealed };
}

/** What the disk's content is, whatever the image is called: equal for two images exactly when size, sectors, used bytes and their content are. */
function rootDigestOf(of: Pick<Manifest, 'geometry' | 'chunkSizeBytes' | 'segments'>): Digest {
  const lines = [
    'deploy-os-root 1',
    `size ${of.geometry.sizeBytes}`,
    `sector ${of.geometry.sectorSizeBytes}`,
    `chunk ${of.chunkSizeBytes}`,
    ...of.segments.map((segment) => segment ?? '-'),
  ];
  return digestOf(Buffer.from(`${lines.join('\n')}\n`));
}

/**
 * A manifest out of foreign bytes: size, shape, both digests and the places of everything in it are checked.
 * Keys it does not know are kept out but covered by the digest, so that later versions may add some.
 * @throws manifest-corrupt, manifest-version
 */
export function parseManifest(stored: Uint8Array): Manifest {
  return manifestOf(readSignedJson(stored));
}

/** What `readSignedJson` has found to be whole. @throws manifest-corrupt; key-needed when it is an encrypted image's */
export function manifestOf(raw: SignedJson): Manifest {
  if (raw.format === sealedFormat) throw keyNeeded(raw);
  const parsed = schema.safeParse(raw);
  if (!parsed.success) throw corrupt(z.prettifyError(parsed.error).slice(0, 500));
  checkPlaces(parsed.data);
  return parsed.data;
}

function keyNeeded({ name }: SignedJson): DeployError {
  return new DeployError('key-needed', `the image '${String(name)}' is encrypted, and no key was given`, {
    hint: 'Give --key-file, --passphrase-file or DEPLOY_OS_PASSPHRASE. Without the key or the passphrase nobody can read it.',
  });
}

function checkPlaces(manifest: Manifest): void {
  const { sizeBytes, sectorSizeBytes } = manifest.geometry;
  const { chunkSizeBytes, usedBytes, usedEndBytes, segments, tableSectors } = manifest;
  if ((manifest.version === 2) !== (manifest.patches !== undefined))
    throw corrupt('its version is not that of what is in it');
  if (segmentSizeBytes % chunkSizeBytes !== 0) throw corrupt(`its chunk size is ${chunkSizeBytes}`);
  if (sizeBytes % sectorSizeBytes !== 0) throw corrupt('its size is no whole number of sectors');
  if (segments.length !== Math.ceil(sizeBytes / segmentSizeBytes)) throw corrupt('it lists too few or many segments');
  if (usedBytes > usedEndBytes || usedEndBytes > sizeBytes) throw corrupt('it uses more bytes than there are');
  const outside = tableSectors.some((s) => s.offsetBytes + Buffer.byteLength(s.base64, 'base64') > sizeBytes);
  if (outside) throw corrupt('a table sector lies outside the disk');
  if (rootDigestOf(manifest) !== manifest.rootDigest) throw corrupt('its segments do not match its root digest');
}
