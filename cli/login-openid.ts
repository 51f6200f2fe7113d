// `deploy-os login --openid`: the login is made in a browser, on any machine, and comes back as a code that only this command can use (docs/decisions/051).
import { createHash, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import type { z } from 'zod';
import { DeployError } from '../protocol/errors.ts';
import { openIdCodePath } from '../protocol/openid.ts';
import { newTokenSchema, setupSchema } from '../protocol/people.ts';
import type { ServerAccess } from '../server/address-file.ts';
import { callWith } from './connect.ts';

/** @throws DeployError usage for a server without a provider, or when no code comes; unauthorized for a wrong one */
export async function logInByBrowser(access: ServerAccess): Promise<z.infer<typeof newTokenSchema>> {
  const { openIdUrl } = await callWith(access, 'GET', '/v1/setup', setupSchema);
  if (openIdUrl === null) {
    throw new DeployError('usage', 'this server has no OpenID Connect provider (--openid)', {
      hint: 'Log in with --user NAME.',
    });
  }
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL(openIdUrl);
  url.searchParams.set('challenge', createHash('sha256').update(verifier).digest('base64url'));
  process.stderr.write(`Open this address in a browser, on any machine, and log in:\n\n    ${url}\n\nCode: `);
  const code = await readLine();
  return await callWith(access, 'POST', openIdCodePath, newTokenSchema, { code, verifier });
}

async function readLine(): Promise<string> {
  const lines = createInterface({ input: process.stdin });
  try {
    for await (const line of lines) return line.trim();
  } finally {
    lines.close();
  }
  throw new DeployError('usage', 'no code came');
}
