// ID tokens and answers that the provider did not give, or not for this login: the real provider signs in somebody, and on the way back what it says is altered.
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { User } from '../../../protocol/people.ts';
import { OpenIdTestProvider } from '../../fixtures/openid-provider.ts';
import { errorCode } from '../support.ts';
import { clientSecret, OpenIdScene } from './openid-scene.ts';

type Claims = Record<string, unknown>;
type Parts = { readonly header: Claims; readonly claims: Claims; readonly key: KeyObject };

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (text: string): Claims => JSON.parse(Buffer.from(text, 'base64url').toString());
const rs256 = (head: string, key: KeyObject) => sign('sha256', Buffer.from(head), key).toString('base64url');

/** Signed as it says, with the provider's key unless told. */
function make({ header, claims, key }: Parts, signer: (head: string, key: KeyObject) => string = rs256): string {
  const head = `${encode(header)}.${encode(claims)}`;
  return `${head}.${signer(head, key)}`;
}

const hmac = (secret: string | Buffer) => (head: string) =>
  createHmac('sha256', secret).update(head).digest('base64url');
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const withClaims = (parts: Parts, more: Claims) => make({ ...parts, claims: { ...parts.claims, ...more } });
const publicPem = (key: KeyObject) => createPublicKey(key).export({ format: 'pem', type: 'spki' });
const nowSeconds = () => Math.floor(Date.now() / 1000);

const forgeries: [string, (parts: Parts) => string][] = [
  ['with a signature of another key', (parts) => make({ ...parts, key: other.privateKey })],
  [
    'with another’s claims under its signature',
    (parts) => {
      const [head, , signature] = make(parts).split('.');
      return `${head}.${encode({ ...parts.claims, sub: 'admin' })}.${signature}`;
    },
  ],
  ['without a signature', (parts) => make(parts, () => '')],
  ['with alg none', (parts) => make({ ...parts, header: { alg: 'none' } }, () => '')],
  ['with alg None and a signature', (parts) => make({ ...parts, header: { ...parts.header, alg: 'None' } })],
  ['without alg', (parts) => make({ ...parts, header: { kid: 'own' } })],
  [
    'with HS256 by the public key',
    (parts) => make({ ...parts, header: { ...parts.header, alg: 'HS256' } }, hmac(publicPem(parts.key))),
  ],
  ['with HS256 by the client’s secret', (parts) => make({ ...parts, header: { alg: 'HS256' } }, hmac(clientSecret))],
  [
    'with the key that it brings along',
    (parts) =>
      make({
        ...parts,
        key: other.privateKey,
        header: { ...parts.header, jwk: other.publicKey.export({ format: 'jwk' }) },
      }),
  ],
  [
    'with a key elsewhere',
    (parts) =>
      make({
        ...parts,
        key: other.privateKey,
        header: { ...parts.header, kid: 'x', jku: 'http://127.0.0.1:1/jwks', x5u: 'http://127.0.0.1:1/' },
      }),
  ],
  [
    'with ES256 by another key',
    (parts) =>
      make({ ...parts, header: { ...parts.header, alg: 'ES256' } }, (head) =>
        sign('sha256', Buffer.from(head), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url'),
      ),
  ],
  [
    'with a critical header that nobody knows',
    (parts) => make({ ...parts, header: { ...parts.header, crit: ['x'], x: 1 } }),
  ],
  ['for another client', (parts) => withClaims(parts, { aud: 'another' })],
  [
    'for several clients, and another party',
    (parts) => withClaims(parts, { aud: ['deploy-os', 'another'], azp: 'another' }),
  ],
  ['for nobody', (parts) => withClaims(parts, { aud: undefined })],
  ['of another issuer', (parts) => withClaims(parts, { iss: 'https://evil.example' })],
  ['of the issuer with a slash', (parts) => withClaims(parts, { iss: `${parts.claims.iss}/` })],
  ['for another login', (parts) => withClaims(parts, { nonce: 'x'.repeat(43) })],
  ['for no login', (parts) => withClaims(parts, { nonce: undefined })],
  ['that has expired', (parts) => withClaims(parts, { iat: nowSeconds() - 7200, exp: nowSeconds() - 3600 })],
  ['that does not expire', (parts) => withClaims(parts, { exp: undefined })],
  ['that is not good yet', (parts) => withClaims(parts, { nbf: nowSeconds() + 3600 })],
  ['without a subject', (parts) => withClaims(parts, { sub: undefined })],
  ['with an empty subject', (parts) => withClaims(parts, { sub: '' })],
  ['with a list for a subject', (parts) => withClaims(parts, { sub: ['sub-1'] })],
  ['that is none', () => 'x.y.z'],
];

describe('an ID token', () => {
  it('that is not the provider’s word on this login lets nobody in', async () => {
    await using scene = await OpenIdScene.open();
    const { server, provider } = scene;
    provider.people.set('sub-1', { preferred_username: 'ann', groups: ['ops'] });
    const logIn = async (forge: (parts: Parts) => string) => {
      provider.lies.set('/token', ({ id_token: token, ...rest }) => {
        const [header = '', claims = ''] = `${token}`.split('.');
        return { ...rest, id_token: forge({ header: decode(header), claims: decode(claims), key: provider.key }) };
      });
      const answer = await scene.logIn('sub-1');
      const session = `${answer.headers['set-cookie']}`.includes('dus_');
      return answer.status === 302 ? ['let in', session] : [errorCode(answer), session];
    };
    const outcomes: unknown[] = [];
    for (const [index, [name, forge]] of forgeries.entries()) {
      // What is made the same way and says the truth is believed: and the count of wrong tries is not what keeps the others out.
      if (index % 4 === 0) expect([name, await logIn((parts) => make(parts))]).toEqual([name, ['let in', true]]);
      outcomes.push([name, await logIn(forge)]);
    }
    expect(outcomes).toEqual(forgeries.map(([name]) => [name, ['unauthorized', false]]));
    expect((await server.api<User[]>('GET', '/v1/users')).map(({ name }) => name)).toEqual(['ann']);
  }, 180_000);

  it('is of whom it says, whatever the provider tells beside it, and whoever has that name, subject or address elsewhere', async () => {
    await using scene = await OpenIdScene.open({ nameClaim: 'email' });
    const { server, provider } = scene;
    const password = 'correct horse battery';
    const local = await server.api<User>('POST', '/v1/users', {
      name: 'ann@example.org',
      password,
      role: 'administrator',
    });
    // Somebody's subject is the id of a local user; their address is not verified, and that user's name.
    provider.people.set(local.id, { email: 'ann@example.org', email_verified: false, groups: ['everybody'] });
    const answer = await scene.logIn(local.id);
    const me = JSON.parse(`${(await scene.see(answer)).body}`);
    expect([me.role, me.user.id === local.id]).toEqual(['viewer', false]);
    // What is told beside the token is of the same person, or not believed; nor can it change whose word it is.
    const tell = (claims: Claims) => provider.lies.set('/me', (told) => ({ ...told, ...claims }));
    tell({ sub: 'another', groups: ['admins'] });
    expect(errorCode(await scene.logIn(local.id))).toBe('unauthorized');
    tell({ iss: 'https://evil.example', groups: ['everybody'] });
    expect((await scene.logIn(local.id)).status).toBe(302);
    const users = await server.api<User[]>('GET', '/v1/users');
    expect(new Set(users.map(({ openIdIssuer }) => openIdIssuer))).toEqual(new Set([null, provider.issuer]));
    expect(users).toHaveLength(2);
    await server.api('POST', '/v1/sessions', { name: 'ann@example.org', password });

    // The same subject at another provider is another person.
    await using second = await OpenIdTestProvider.start({
      ...{ id: 'deploy-os', secret: clientSecret, redirectUri: scene.redirectUri },
    });
    second.people.set(local.id, { email: 'ann@example.org', groups: ['everybody'] });
    await scene.change({ issuer: second.issuer });
    const { location, cookie } = await scene.begin();
    const elsewhere = await scene.back(await second.logIn(location, local.id), cookie);
    const them = JSON.parse(`${(await scene.see(elsewhere)).body}`);
    expect([me.user.id, local.id]).not.toContain(them.user.id);
    // A login that began at the first provider does not end at the second.
    const begun = await provider.logIn(location.replace(second.issuer, provider.issuer), local.id);
    expect(errorCode(await scene.back(begun, cookie))).toBe('unauthorized');
  });
});

describe('a provider’s description of itself', () => {
  it.each<[string, Claims, string]>([
    ['of another issuer', { issuer: 'https://evil.example' }, 'unauthorized'],
    [
      'with keys on an address that only this host reaches',
      { jwks_uri: 'http://169.254.169.254/keys' },
      'server-unreachable',
    ],
    ['with tokens to be had there', { token_endpoint: 'http://[fe80::1]/token' }, 'server-unreachable'],
    ['with tokens at a scheme that is none', { token_endpoint: 'file:///etc/passwd' }, 'unauthorized'],
  ])('%s is not believed', async (_name, lie, code) => {
    await using scene = await OpenIdScene.open();
    scene.provider.people.set('sub-1', { preferred_username: 'ann', groups: ['ops'] });
    scene.provider.lies.set('/.well-known/openid-configuration', (told) => ({ ...told, ...lie }));
    const outcome = await scene.logIn('sub-1').then(errorCode, (thrown: Error) => `${thrown.message}`);
    expect(outcome).toContain(code);
  });
});
