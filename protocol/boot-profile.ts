// Boot profiles as an administrator writes them: what a class of machines boots instead of the server's usual kernel, initramfs and arguments.
import { z } from 'zod';
import { machineRulesSchema } from './machine-rule.ts';
import { nameSchema } from './scenario.ts';

/** They end up in a boot script, one line: nothing that could leave it, by iPXE's words or by GRUB's. */
export const kernelArgumentsSchema = z
  .string()
  .max(1024)
  .refine((text) => !/[^\x20-\x7e]|'|\$\{|\|\||&&|(^| )[;#]/.test(text), 'is not one plain line')
  .transform((text) => text.trim());

/** On the server, from its data directory unless it begins with `/`. */
const serverPath = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[^\p{Cc}]+$/u, 'must not hold control characters');

const fields = {
  name: nameSchema,
  /** Appended to the kernel's command line, after the server's own. */
  arguments: kernelArgumentsSchema,
  /** A folder that `deploy-os build` made: its kernel and initramfs; null: the server's. */
  build: serverPath.nullable(),
  /** A cpio that is loaded after the initramfs, such as `deploy-os build --overlay` makes; null: none. */
  overlay: serverPath.nullable(),
  /** One of them is enough; of several profiles whose rules fit, the one with the smallest `order` is taken. */
  rules: machineRulesSchema,
  order: z.number().int().min(0).max(1_000_000),
};

/** POST /v1/boot-profiles */
export const bootProfileBodySchema = z.strictObject({
  name: fields.name,
  arguments: fields.arguments.default(''),
  build: fields.build.default(null),
  overlay: fields.overlay.default(null),
  rules: fields.rules.default([]),
  order: fields.order.default(100),
});
export type BootProfileBody = z.infer<typeof bootProfileBodySchema>;

/** PATCH /v1/boot-profiles/:id: what is not named stays. */
export const bootProfilePatchSchema = z.strictObject(fields).partial();
export type BootProfilePatch = z.infer<typeof bootProfilePatchSchema>;

export const bootProfileSchema = z.object({ id: z.string().min(1).max(64), ...fields, createdAt: z.iso.datetime() });
export type BootProfile = z.infer<typeof bootProfileSchema>;
