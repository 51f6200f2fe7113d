// How a machine is turned on and off: the settings of its power driver as the API takes and shows them, and what came of an action.
import { z } from 'zod';

/** Lower case with colons; `-` is taken too. */
const macSchema = z
  .string()
  .regex(/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i, 'is not a MAC address, such as 52:54:00:12:34:56')
  .transform((mac) => mac.toLowerCase().replaceAll('-', ':'));

/** A name or an address; it becomes an argument of programs, and so never begins with `-`. */
const hostSchema = z
  .string()
  .max(255)
  .regex(/^[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?$|^[0-9A-Fa-f:]{2,39}$/, 'is neither a host name nor an address');
const portSchema = z.number().int().min(1).max(65_535);
const userSchema = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[^\p{Cc}-][^\p{Cc}]*$/u, 'must not begin with - or hold control characters');

/** Written, and never shown again. */
const secretSchema = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[^\p{Cc}]+$/u, 'must not hold control characters')
  .exactOptional();

const noDriver = { driver: z.literal('none') };
const wakeOnLan = {
  driver: z.literal('wake-on-lan'),
  /** Of the NICs to wake; without them, those that the machine has shown. */
  macs: z.array(macSchema).min(1).max(16).exactOptional(),
  /** Where to send to besides the networks of this server and those where the machine was seen. */
  broadcast: z.array(z.ipv4()).min(1).max(16).exactOptional(),
  port: portSchema.default(9),
};
const redfish = {
  driver: z.literal('redfish'),
  /** Of the service: `https://bmc.example`. Plain `http:` sends the password in the clear and is taken with `plainHttp` only. */
  url: z
    .string()
    .max(512)
    .refine(isOrigin, 'is not https://HOST[:PORT]')
    .transform((text) => new URL(text).origin),
  plainHttp: z.boolean().default(false),
  user: userSchema,
  auth: z.enum(['session', 'basic']).default('session'),
  /** SHA-256 of the BMC's certificate, which then may be one that nobody has signed. */
  certificate: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/i, 'is not sha256: and 64 hexadecimal digits')
    .transform((text) => text.toLowerCase())
    .exactOptional(),
  /** PEM of the CA that has signed it. Without either it must be one that the server's system believes. */
  ca: z.string().max(65_536).includes('-----BEGIN CERTIFICATE-----').exactOptional(),
  /** The id of the system, where the BMC has several (blades). */
  system: z.string().min(1).max(128).exactOptional(),
};
const ipmi = {
  driver: z.literal('ipmi'),
  host: hostSchema,
  port: portSchema.default(623),
  user: userSchema,
  /** 17 is SHA-256; 3, SHA-1, for older BMCs. */
  cipherSuite: z.union([z.literal(3), z.literal(17)]).exactOptional(),
};
const hook = {
  driver: z.literal('hook'),
  /** A file in the folder that the server was started with (`--hooks`). */
  program: z
    .string()
    .max(128)
    .regex(/^[0-9A-Za-z_][0-9A-Za-z_.-]*$/, 'is not the name of a file'),
};

/** What is kept and shown. */
export const powerSettingsSchema = z.discriminatedUnion('driver', [
  z.strictObject(noDriver),
  z.strictObject(wakeOnLan),
  z.strictObject(redfish),
  z.strictObject(ipmi),
  z.strictObject(hook),
]);
export type PowerSettings = z.infer<typeof powerSettingsSchema>;
export type SettingsOf<Driver extends PowerSettings['driver']> = Extract<PowerSettings, { driver: Driver }>;

const secureOn = z
  .string()
  .regex(/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i, 'is not six bytes, such as 01:02:03:04:05:06')
  .exactOptional();

/** PUT /v1/machines/:id/power: the settings and the password, which is kept as it is where the rest stays the same and none is given. */
export const powerBodySchema = z.discriminatedUnion('driver', [
  z.strictObject(noDriver),
  z.strictObject({ ...wakeOnLan, password: secureOn }),
  z
    .strictObject({ ...redfish, password: secretSchema })
    .refine(({ url, plainHttp }) => plainHttp === url.startsWith('http:'), {
      path: ['url'],
      message: 'plain http: goes with plainHttp, and https: without it',
    }),
  z.strictObject({ ...ipmi, password: secretSchema }),
  z.strictObject(hook),
]);
export type PowerBody = z.input<typeof powerBodySchema>;

export const powerStateSchema = z.enum(['on', 'off', 'unknown']);
export type PowerState = z.infer<typeof powerStateSchema>;

/** GET and PUT /v1/machines/:id/power */
export const powerSchema = z.object({
  settings: powerSettingsSchema,
  /** Whether there is a password, which is all that is told of it. */
  hasPassword: z.boolean(),
  /** What was last seen, and when. */
  state: powerStateSchema,
  stateAt: z.string().nullable(),
});
export type Power = z.infer<typeof powerSchema>;

export const powerActionSchema = z.enum(['on', 'off', 'cycle', 'soft', 'status']);
export type PowerAction = z.infer<typeof powerActionSchema>;

/** POST /v1/machines/:id/power/:action */
export const powerRequestSchema = z
  .strictObject({
    /** With `on` and `cycle`: boot from the network this once. */
    networkBoot: z.boolean().exactOptional(),
    /** Also while a job runs on the machine, which tears it down. */
    force: z.boolean().exactOptional(),
  })
  .default({});
export type PowerRequest = z.infer<typeof powerRequestSchema>;

export const powerAnswerSchema = z.object({
  driver: z.string(),
  action: powerActionSchema,
  state: powerStateSchema,
  /** The state was read after the action, and is what was wanted. */
  verified: z.boolean(),
  message: z.string(),
});
export type PowerAnswer = z.infer<typeof powerAnswerSchema>;

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, pathname, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + search + hash === '' && pathname === '/';
}
