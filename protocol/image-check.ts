// Checks of images by the server (`/v1/image-checks`): every chunk read (verify), or the file systems and the boot tried, too (prove), and what was found.
import { z } from 'zod';
import { nameSchema } from './scenario.ts';

const id = z.string().min(1).max(64);
const time = z.iso.datetime();
const text = z.string().max(4096);
const bytes = z.number().int().nonnegative();

export const imageCheckKindSchema = z.enum(['verify', 'prove']);
export type ImageCheckKind = z.infer<typeof imageCheckKindSchema>;

/** `passed` and `failed` are said of the image; `error`: it could not be told; `interrupted`: the server that did it has stopped. */
export const imageCheckStateSchema = z.enum([
  ...['queued', 'running', 'passed', 'failed', 'error', 'cancelled', 'interrupted'],
] as const);
export type ImageCheckState = z.infer<typeof imageCheckStateSchema>;

/** POST /v1/image-checks */
export const imageCheckRequestSchema = z
  .strictObject({
    image: nameSchema,
    kind: imageCheckKindSchema,
    /** Of a proof: boot it in a virtual machine, too. */
    boot: z.boolean().default(false),
  })
  .refine(({ kind, boot }) => kind === 'prove' || !boot, 'only a proof boots the image');
export type ImageCheckRequest = z.infer<typeof imageCheckRequestSchema>;

/** Bytes of the disk that are lost, and the partitions that they touch; of an encrypted image the server knows neither, and says null. */
const problemSchema = z.object({
  code: text,
  digest: text,
  offsetBytes: bytes.nullable(),
  lengthBytes: bytes.nullable(),
  partitions: z.array(z.number().int().nonnegative()).max(1024),
});

/** As `image prove` tells of a partition. */
const fileSystemSchema = z.object({
  number: z.number().int().nonnegative(),
  fileSystem: text.nullable(),
  verdict: z.enum(['clean', 'faulty', 'unproved']),
  tool: text.nullable(),
  said: text,
});

const bootSchema = z.object({
  firmware: text,
  accelerator: text,
  booted: z.boolean(),
  evidence: z.string().max(64_000),
  seconds: z.number().nonnegative(),
});

/** Of damaged places the first so many are kept. */
export const maxKeptProblems = 100;

const foundSchema = z.object({
  /** Of chunks, as they are stored; the bytes of the disk that they make up. */
  bytesRead: bytes,
  usedBytes: bytes.nullable(),
  /** Of an encrypted image: its sealed chunks were read, and nothing of what is in them (usedBytes is null). */
  sealed: z.literal(true).exactOptional(),
  problemCount: z.number().int().nonnegative(),
  problems: z.array(problemSchema).max(maxKeptProblems),
  /** Of a proof that came so far. */
  fileSystems: z.array(fileSystemSchema).max(1024),
  boot: bootSchema.nullable(),
});
export type ImageCheckFound = z.infer<typeof foundSchema>;

export const imageCheckSchema = z.object({
  id,
  imageId: z.string(),
  image: z.string(),
  kind: imageCheckKindSchema,
  boot: z.boolean(),
  state: imageCheckStateSchema,
  cancelRequested: z.boolean(),
  requestedBy: z.string(),
  createdAt: time,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  progress: z.object({ phase: z.string(), bytesDone: z.number(), bytesTotal: z.number() }).nullable(),
  found: foundSchema.nullable(),
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().exactOptional() }).nullable(),
});
export type ImageCheck = z.infer<typeof imageCheckSchema>;

const lastSchema = z.object({
  checkId: id,
  outcome: z.enum(['passed', 'failed']),
  at: time,
  code: z.string().nullable(),
});

/** What is known of an image: the newest verdict of each kind (null: never), and what is waiting or under way. A proof reads every chunk, so it counts as a verify, too. */
export const imageHealthSchema = z.object({
  verify: lastSchema.nullable(),
  prove: lastSchema.nullable(),
  active: z.array(imageCheckKindSchema),
});
export type ImageHealth = z.infer<typeof imageHealthSchema>;
