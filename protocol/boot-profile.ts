// Boot profiles as an administrator writes them: what a class of machines boots instead of the server's usual kernel, initramfs and arguments.
import { isIP } from 'node:net';
import { z } from 'zod';
import { nameSchema } from './scenario.ts';

/** They end up in a boot script, one line: nothing that could leave it, by iPXE's words or by GRUB's. */
export const kernelArgumentsSchema = z
  .string()
  .max(1024)
  .refine((text) => !/[^\x20-\x7e]|'|\$\{|\|\||&&|(^| )[;#]/.test(text), 'is not one plain line')
  .transform((text) => text.trim());

const pattern = z.string().min(1).max(128);

/** What must all be true of a machine. In text, `*` stands for anything and `?` for one character; upper and lower case are the same. */
export const bootRuleSchema = z
  .strictObject({
    /** As SMBIOS has it (system information, type 1). */
    manufacturer: pattern.exactOptional(),
    product: pattern.exactOptional(),
    /** How the MAC address of the NIC that it boots from begins, or that of another one that is known: `52:54:00`. */
    mac: z
      .string()
      .regex(/^[0-9a-f]{2}([:-][0-9a-f]{2}){0,5}$/i, 'is not the beginning of a MAC address, such as 52:54:00')
      .exactOptional(),
    uuid: z.guid().exactOptional(),
    /** Where it asks from: `10.0.0.0/24`. */
    subnet: z.string().max(64).refine(isSubnet, 'is not ADDRESS/PREFIX').exactOptional(),
  })
  .refine((rule) => Object.keys(rule).length > 0, 'says nothing of the machine');
export type BootRule = z.infer<typeof bootRuleSchema>;

function isSubnet(text: string): boolean {
  const [, address = '', prefix = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(prefix) <= (family === 4 ? 32 : 128);
}

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
  rules: z.array(bootRuleSchema).max(100),
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
