// The provider as this server speaks with it: where to send somebody who wants to log in, and who it says they are when they come back.
// OpenID Connect Core 1.0, authorization code flow; PKCE (RFC 7636); the issuer in the answer (RFC 9207).
import * as client from 'openid-client';
import { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import type { OutgoingAddresses } from '../outgoing/addresses.ts';
import { fetchWithin } from '../outgoing/fetch.ts';
import type { Attempt } from './attempt-cookie.ts';
import type { OpenIdConfig } from './read-config.ts';

const timeoutSeconds = 10;
/** Then its addresses are asked for anew; keys are by themselves. */
const knownForMs = 3_600_000;

export type Identity = {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string | null;
  readonly groups: readonly string[];
};

export class OpenIdProvider {
  readonly config: OpenIdConfig;
  readonly #fetch: ReturnType<typeof fetchWithin>;
  #known: { readonly found: Promise<client.Configuration>; readonly atMs: number } | null = null;

  constructor(config: OpenIdConfig, addresses: OutgoingAddresses) {
    this.config = config;
    this.#fetch = fetchWithin(addresses, new URL(config.issuer).hostname);
  }

  /** @throws DeployError server-unreachable */
  async begin(): Promise<{ url: URL; attempt: Attempt }> {
    const attempt = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
    };
    const url = client.buildAuthorizationUrl(await this.#discover(), {
      redirect_uri: this.config.callbackUrl,
      scope: this.config.scopes.join(' '),
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: 'S256',
    });
    return { url, attempt };
  }

  /** `query` is what the browser brought back. @throws DeployError unauthorized when it is not the provider's word on this attempt; server-unreachable */
  async finish(query: string, { state, nonce, verifier }: Attempt): Promise<Identity> {
    const found = await this.#discover();
    const here = new URL(this.config.callbackUrl);
    here.search = query;
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
    const tokens = await client.authorizationCodeGrant(found, here, checks).catch(explain);
    const own: Record<string, unknown> = { ...tokens.claims() };
    const { data: who, error: cause } = identitySchema.safeParse(own);
    if (who === undefined) throw new DeployError('unauthorized', 'the provider did not say who this is', { cause });
    // Some providers keep the ID token small, and tell the rest when they are asked.
    const told = this.#lacks(own) ? await this.#ask(found, tokens.access_token, who.sub) : {};
    return readIdentity(who, { ...told, ...own }, this.config);
  }

  #lacks(claims: Record<string, unknown>): boolean {
    return claims[this.config.groupsClaim] === undefined || claims[this.config.nameClaim] === undefined;
  }

  async #ask(found: client.Configuration, token: string, subject: string): Promise<Record<string, unknown>> {
    if (found.serverMetadata().userinfo_endpoint === undefined) return {};
    return client.fetchUserInfo(found, token, subject).catch(explain);
  }

  #discover(): Promise<client.Configuration> {
    const nowMs = performance.now();
    if (this.#known !== null && nowMs - this.#known.atMs < knownForMs) return this.#known.found;
    const { issuer, clientId, clientSecret, plain } = this.config;
    const proof = clientSecret === null ? client.None() : client.ClientSecretBasic(clientSecret);
    const options = {
      timeout: timeoutSeconds,
      [client.customFetch]: this.#fetch,
      // That the token came by TLS from the provider would do (OpenID Connect Core 1.0, 3.1.3.7, 6); what somebody in between may have signed does not.
      execute: [client.enableNonRepudiationChecks, ...(plain ? [client.allowInsecureRequests] : [])],
    };
    const found = client.discovery(new URL(issuer), clientId, undefined, proof, options).catch(explain);
    const known = { found, atMs: nowMs };
    this.#known = known;
    found.catch(() => {
      if (this.#known === known) this.#known = null;
    });
    return found;
  }
}

const identitySchema = z.object({ iss: z.string().max(1000), sub: z.string().min(1).max(255) });
const groupsSchema = z.array(z.string().max(1000)).max(10_000);

function readIdentity(
  { iss, sub }: z.infer<typeof identitySchema>,
  claims: Record<string, unknown>,
  { nameClaim, groupsClaim }: OpenIdConfig,
): Identity {
  const name = claims[nameClaim];
  const groups = claims[groupsClaim];
  return {
    issuer: iss,
    subject: sub,
    name: typeof name === 'string' ? name : null,
    groups: groupsSchema.catch([]).parse(typeof groups === 'string' ? [groups] : groups),
  };
}

/** What the library says may quote what the browser brought. */
function explain(cause: unknown): never {
  if (cause instanceof client.AuthorizationResponseError) {
    throw new DeployError('unauthorized', 'the provider did not let you in', { cause });
  }
  const away = cause instanceof client.ClientError ? cause.code === 'OAUTH_TIMEOUT' : cause instanceof TypeError;
  if (away) {
    throw new DeployError('server-unreachable', 'the OpenID Connect provider does not answer', { cause });
  }
  throw new DeployError('unauthorized', "the provider's answer does not fit this login", {
    cause,
    hint: 'Begin the login again.',
  });
}
