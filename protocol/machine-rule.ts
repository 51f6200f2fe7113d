// Rules that tell machines apart by what is known of them: boot profiles and groups have some.
import { z } from 'zod';

const pattern = z.string().min(1).max(128);
const network = z.union([z.cidrv4(), z.cidrv6()]);

/** What must all be true of a machine. In text, `*` stands for anything and `?` for one character; upper and lower case are the same. */
export const machineRuleSchema = z
  .strictObject({
    /** As SMBIOS has it (system information, type 1). */
    manufacturer: pattern.exactOptional(),
    product: pattern.exactOptional(),
    serial: pattern.exactOptional(),
    /** How a MAC address of it begins, that of the NIC that it boots from or another one that is known: `52:54:00`. */
    mac: z
      .string()
      .regex(/^[0-9a-f]{2}([:-][0-9a-f]{2}){0,5}$/i, 'is not the beginning of a MAC address, such as 52:54:00')
      .exactOptional(),
    uuid: z.guid().exactOptional(),
    /** Where it asks from: `10.0.0.0/24`. */
    subnet: z
      .string()
      .max(64)
      .refine((text) => network.safeParse(text).success, 'is not ADDRESS/PREFIX')
      .exactOptional(),
    /** One of its tags. */
    tag: pattern.exactOptional(),
  })
  .refine((rule) => Object.keys(rule).length > 0, 'says nothing of the machine');
export type MachineRule = z.infer<typeof machineRuleSchema>;

/** One of them is enough. */
export const machineRulesSchema = z.array(machineRuleSchema).max(100);
