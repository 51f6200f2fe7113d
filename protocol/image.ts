// What an image holds, as the server tells it (GET /v1/images/:name): the manifest without the list of its chunks.
import { z } from 'zod';
import { imageHealthSchema } from './image-check.ts';

const text = z.string().max(4096);
const bytes = z.number().int().nonnegative();

const partitionSchema = z.object({
  number: z.number().int().nonnegative(),
  startBytes: bytes,
  sizeBytes: bytes,
  usedBytes: bytes,
  name: text.nullable(),
  fileSystem: text.nullable(),
  label: text.nullable(),
  uuid: text.nullable(),
  reader: text,
  notes: z.array(text).max(1000).readonly(),
});

const contentsSchema = z.object({
  source: z.object({ label: text, model: text.nullable(), serial: text.nullable() }),
  sectorSizeBytes: z.number().int().positive(),
  table: z.enum(['gpt', 'mbr', 'none']),
  usedBytes: bytes,
  partitions: z.array(partitionSchema).max(1024),
  /** `Windows Server 2019 Standard`, with the host's name if it is known. */
  systems: z.array(text).max(64),
  /** By name: an image of this name may be another one by now. */
  parent: text.nullable(),
  importedFrom: text.nullable(),
  /** Bytes that could not be read when it was captured: zeros are in their place. */
  lostBytes: bytes,
  warnings: z.array(text).max(1000),
  rootDigest: text,
});

export const imageDetailsSchema = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: z.string(),
  sizeBytes: bytes,
  /** Of an encrypted image, the data key that opens it; the server then knows nothing of its contents. */
  keyId: z.string().nullable(),
  contents: contentsSchema.nullable(),
  health: imageHealthSchema,
});
export type ImageDetails = z.infer<typeof imageDetailsSchema>;
