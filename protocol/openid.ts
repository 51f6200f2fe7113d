// Logging in through a provider of OpenID Connect: the server's configuration file, and where its routes are.
import { z } from 'zod';
import { roleSchema } from './people.ts';

export const openIdStartPath = '/v1/session/openid';
export const openIdCallbackPath = '/v1/session/openid/callback';
export const openIdCodePath = '/v1/session/openid/code';

/** What a command line has kept to itself, and its SHA-256, which begins the login (RFC 7636, 4.1 and 4.2). */
const keptSchema = z.string().regex(/^[A-Za-z0-9_-]{43,128}$/, 'is not 43 to 128 characters of base64url');
export const openIdStartQuerySchema = z.object({ challenge: keptSchema.length(43).exactOptional() });

/** POST /v1/session/openid/code */
export const loginCodeBodySchema = z.strictObject({ code: z.string().min(1).max(100), verifier: keptSchema });
export type LoginCodeBody = z.infer<typeof loginCodeBodySchema>;

const text = z.string().min(1).max(1000);

/** docs/operations/openid.md explains each. */
export const openIdFileSchema = z.strictObject({
  issuer: z.url({ protocol: /^https?$/ }).max(1000),
  clientId: text,
  /** Beside the file unless absolute; without it, a client that keeps no secret (PKCE only). */
  clientSecretFile: text.exactOptional(),
  /** How browsers reach this server: `https://deploy.example.org:7433`. */
  serverUrl: z.url({ protocol: /^https$/ }).max(1000),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/))
    .max(20)
    .default(['openid', 'profile', 'groups']),
  /** What a user is called here. */
  nameClaim: text.default('preferred_username'),
  /** A list of texts, or one text. */
  groupsClaim: text.default('groups'),
  /** The greatest role of somebody's groups is theirs; without any, they are not let in. */
  roles: z.record(text, roleSchema).refine((roles) => Object.keys(roles).length > 0, 'names no group'),
  /** A login ends after so many hours, and a new one asks the provider for the groups again. */
  sessionHours: z.number().min(1).max(168).default(12),
});
export type OpenIdFile = z.infer<typeof openIdFileSchema>;
