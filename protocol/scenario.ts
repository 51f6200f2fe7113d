// What a job does: scenarios as an administrator writes them, and the steps an agent is handed.
import { z } from 'zod';

/** A name given by a person: any Unicode but control characters, kept in NFC. */
export const nameSchema = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\p{Cc}]+$/u, 'must not hold control characters')
  .transform((name) => name.normalize('NFC'));

const text = z.string().min(1).max(512);
const byteCount = z.number().int().positive();

const oneDisk = [
  /** The only disk that the machine shows. */
  z.strictObject({ by: z.literal('only') }),
  z.strictObject({ by: z.literal('id'), id: text }),
  z.strictObject({ by: z.literal('serial'), serial: text }),
  z.strictObject({ by: z.literal('wwn'), wwn: text }),
  z.strictObject({ by: z.literal('number'), number: z.number().int().positive() }),
  /** The disk that this image was captured from. */
  z.strictObject({ by: z.literal('image'), image: nameSchema }),
  /** The one disk of which all of this is true. */
  z
    .strictObject({
      by: z.literal('where'),
      internal: z.boolean().exactOptional(),
      bus: text.exactOptional(),
      /** Upper and lower case are the same; `*` stands for anything. */
      model: text.exactOptional(),
      minBytes: byteCount.exactOptional(),
      maxBytes: byteCount.exactOptional(),
    })
    .refine((where) => Object.keys(where).length > 1, 'says nothing of the disk'),
] as const;
const oneDiskSchema = z.discriminatedUnion('by', oneDisk);
export type OneDiskSelector = z.infer<typeof oneDiskSchema>;

/** How a disk is named: by what it is, never by the kernel's order. One that matches none or several disks refuses the job. */
export const diskSelectorSchema = z.discriminatedUnion('by', [
  ...oneDisk,
  /**
   * Several disks, each in its turn: one selector for each, and no disk twice. A job has a step for each of them, which `pick`s its own (from 0).
   * In the names of images `{n}` is that number, from 1.
   */
  z.strictObject({
    by: z.literal('each'),
    of: z.array(oneDiskSchema).min(2).max(16),
    pick: z.number().int().min(0).max(15).exactOptional(),
  }),
]);
export type DiskSelector = z.infer<typeof diskSelectorSchema>;

/**
 * What the machine does when its job has ended. `wait` keeps the agent running for the next job; `kexec` starts the Linux that was restored
 * without firmware and boot loader, and reboots where that cannot be done.
 */
export const endActionSchema = z.enum(['reboot', 'poweroff', 'wait', 'kexec']);
export type EndAction = z.infer<typeof endActionSchema>;

const partitionNumber = z.number().int().min(1).max(1024);
/** The disk may be a member of an array that is not assembled, or an LVM physical volume as a whole. */
const member = z.boolean().exactOptional();
/** Other machines may use the disk: a cluster's file system is on it. */
const allowShared = z.boolean().exactOptional();

// Keys are those of the command line's flags. An unknown one is refused, here and by the agent: whoever misspells `partition`, or
// sends it to an agent that does not know it, would overwrite a whole disk.
const captureStep = z
  .strictObject({
    kind: z.literal('capture'),
    source: diskSelectorSchema,
    image: nameSchema,
    parent: nameSchema.exactOptional(),
    level: z.number().int().min(1).max(19).exactOptional(),
    /** Only these partitions. */
    partitions: z.array(partitionNumber).min(1).max(1024).exactOptional(),
    /** The disk has bad sectors: save what can be read, and say what is lost. */
    rescue: z.boolean().exactOptional(),
    /** Also every byte outside of partitions. */
    unpartitioned: z.boolean().exactOptional(),
    member,
    allowShared,
  })
  .refine(({ source, image }) => source.by !== 'each' || source.pick !== undefined || image.includes('{n}'), {
    path: ['image'],
    message: 'needs {n} in its name where several disks are captured',
  });
const restoreStep = z
  .strictObject({
    kind: z.literal('restore'),
    image: nameSchema,
    target: diskSelectorSchema,
    holes: z.enum(['discard', 'leave']).default('discard'),
    delta: z.enum(['auto', 'always', 'never']).exactOptional(),
    /** An image that the disk holds now. */
    was: nameSchema.exactOptional(),
    /** Which partition takes the free space of a larger disk; 0 is a disk without a table. With `partition`: whether its file system grows. */
    grow: z.union([z.enum(['none', 'last']), z.number().int().min(0).max(1024)]).exactOptional(),
    /** The logical volume in it that takes the room: `root`, `vg0/root`; `none` leaves it to the group. */
    growVolume: z.string().min(1).max(255).exactOptional(),
    /** The disk may be too small for the image: one file system is made smaller on the way. */
    shrink: z.boolean().exactOptional(),
    newIds: z.boolean().exactOptional(),
    /** The name that the Linux on it gets: `{machine}` is that of the machine. */
    hostName: nameSchema.exactOptional(),
    /** Its Linux gets a machine id and SSH host keys of its own, and its network is no longer tied to the captured machine's cards. */
    newIdentity: z.boolean().exactOptional(),
    /** Only this partition of the image, and nothing else on the disk. */
    partition: partitionNumber.exactOptional(),
    /** Where it goes: the same number unless told; 0 is all of the disk. */
    toPartition: z.number().int().min(0).max(1024).exactOptional(),
    /** Restore also an image of which bytes are lost. */
    acceptLost: z.boolean().exactOptional(),
    member,
    allowShared,
  })
  .refine(({ partition, toPartition }) => toPartition === undefined || partition !== undefined, {
    path: ['toPartition'],
    message: 'goes with partition only',
  })
  .refine(({ shrink = false, partition }) => !shrink || partition === undefined, {
    path: ['shrink'],
    message: 'does not go with partition',
  })
  .refine(({ hostName, partition }) => hostName === undefined || partition === undefined, {
    path: ['hostName'],
    message: 'does not go with partition',
  })
  .refine(({ newIdentity = false, partition }) => !newIdentity || partition === undefined, {
    path: ['newIdentity'],
    message: 'does not go with partition',
  })
  .refine(({ grow = 'none', growVolume }) => growVolume === undefined || grow !== 'none', {
    path: ['growVolume'],
    message: 'goes with grow only',
  });
const checkStep = z.strictObject({ kind: z.literal('check') });
/** `auto`: the strongest way in which the disk erases itself (imaging/wipe/erase-ways.ts), or an overwrite where it has none. The others are done or refused. */
export const wipeMethods = ['auto', 'sanitize', 'crypto-erase', 'secure-erase', 'overwrite', 'discard'] as const;
const wipeStep = z
  .strictObject({
    kind: z.literal('wipe'),
    target: diskSelectorSchema,
    method: z.enum(wipeMethods).default('auto'),
    /** Of an overwrite; zeros unless told. */
    pattern: z.enum(['zeros', 'random']).exactOptional(),
    member,
    allowShared,
  })
  .refine(({ method, pattern }) => pattern === undefined || method === 'auto' || method === 'overwrite', {
    path: ['pattern'],
    message: 'goes with overwrite only',
  });
/** What a shell is given; a NUL would end it early. */
const scriptStep = z.strictObject({
  kind: z.literal('script'),
  script: z
    .string()
    .min(1)
    .max(65_536)
    .refine((text) => !text.includes('\0'), 'must not hold NUL'),
  timeoutSeconds: z.number().int().min(1).max(86_400).default(600),
});

export const stepSchema = z.discriminatedUnion('kind', [captureStep, restoreStep, checkStep, wipeStep, scriptStep]);
export type Step = z.infer<typeof stepSchema>;

export const stepKinds = ['capture', 'restore', 'check', 'wipe', 'script'] as const satisfies readonly Step['kind'][];
