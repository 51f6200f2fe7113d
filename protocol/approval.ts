// What somebody has approved: the disks of a machine as a check found them. A job under an approval touches nothing when they are others.
import { z } from 'zod';

const text = z.string().min(1).max(512);

export const approvedDiskSchema = z.strictObject({
  id: text,
  /** As a person knows it: `disk 1 /dev/sda (…)`. */
  label: z.string().max(2048),
  sizeBytes: z.number().int().nonnegative(),
  sectorSizeBytes: z.number().int().positive(),
  /** Of its first and last MiB; null when they could not be read. */
  tablesDigest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
});
export type ApprovedDisk = z.infer<typeof approvedDiskSchema>;

export const approvalSchema = z.strictObject({
  /** All of them: one more or one less is another machine. */
  disks: z.array(approvedDiskSchema).max(4096),
  /** The job was handed out before and may have written: tables are then the job's own, and not compared. */
  again: z.boolean(),
});
export type Approval = z.infer<typeof approvalSchema>;
