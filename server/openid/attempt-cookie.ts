// A login that is under way at the provider: what it was begun with is kept by the browser that began it, and by no server.
// Lax, not Strict: the way back comes from the provider's page (RFC 6265bis, 5.6.7.1).
import { z } from 'zod';

const name = '__Host-deploy-os-openid';
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Lax';
const lifeSeconds = 600;

const random = z.string().regex(/^[A-Za-z0-9_-]{32,128}$/);
/** `challenge`: of the command line that wants to be logged in; without it, the browser does. */
const schema = z.strictObject({ state: random, nonce: random, verifier: random, challenge: random.exactOptional() });
export type Attempt = z.infer<typeof schema>;

export function writeAttempt(attempt: Attempt): string {
  const value = Buffer.from(JSON.stringify(attempt)).toString('base64url');
  return `${name}=${value}; ${attributes}; Max-Age=${lifeSeconds}`;
}

export function clearAttempt(): string {
  return `${name}=; ${attributes}; Max-Age=0`;
}

export function readAttempt(header: string | undefined): Attempt | null {
  const pair = header
    ?.split(';')
    .map((part) => part.trim())
    .find((part) => part.startsWith(`${name}=`));
  if (pair === undefined || pair.length > 2000) return null;
  try {
    return schema.parse(JSON.parse(Buffer.from(pair.slice(name.length + 1), 'base64url').toString()));
  } catch {
    return null;
  }
}
