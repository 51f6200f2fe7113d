// What administrators set for all servers on one database: GET and PATCH /v1/settings.
import { z } from 'zod';

const limit = z.number().int().min(1).max(100_000).nullable();

/** How many jobs run at once; null: as many as there are. */
export const jobLimitsSchema = z.object({
  /** Of the machines that are connected to one server. */
  server: limit.default(null),
  /** Of the machines in one network: those whose addresses have this many bits in common (IPv6: 64). */
  network: limit.default(null),
  networkPrefix: z.number().int().min(8).max(32).default(24),
  /** All of them: the servers on one database share one store. */
  store: limit.default(null),
});
export type JobLimits = z.infer<typeof jobLimitsSchema>;

/** How often every image is read by the servers themselves; null: never. */
export const imageVerificationSchema = z.object({
  everyDays: z.number().int().min(1).max(3650).nullable().default(null),
});
export type ImageVerification = z.infer<typeof imageVerificationSchema>;

export const settingsSchema = z.object({ jobLimits: jobLimitsSchema, imageVerification: imageVerificationSchema });
export type Settings = z.infer<typeof settingsSchema>;

/** What is not named stays as it is. */
export const settingsPatchSchema = z.strictObject({
  jobLimits: z
    .strictObject({
      server: limit.exactOptional(),
      network: limit.exactOptional(),
      networkPrefix: z.number().int().min(8).max(32).exactOptional(),
      store: limit.exactOptional(),
    })
    .exactOptional(),
  imageVerification: z.strictObject({ everyDays: imageVerificationSchema.shape.everyDays.unwrap() }).exactOptional(),
});
