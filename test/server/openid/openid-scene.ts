// A server with a provider of OpenID Connect, and a browser that logs in through it.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { OpenIdTestProvider } from '../../fixtures/openid-provider.ts';
import { type Answer, TestServer } from '../support.ts';

export const clientSecret = 'a secret of the client, 0123456789';
export const startPath = '/v1/session/openid';

export class OpenIdScene implements AsyncDisposable {
  readonly server: TestServer;
  readonly provider: OpenIdTestProvider;
  readonly redirectUri: string;
  /** Of the file of `--openid`. */
  readonly #config: object;

  private constructor(server: TestServer, provider: OpenIdTestProvider, redirectUri: string, config: object) {
    this.server = server;
    this.provider = provider;
    this.redirectUri = redirectUri;
    this.#config = config;
  }

  static async open(more: object = {}): Promise<OpenIdScene> {
    const server = await TestServer.start();
    const serverUrl = `https://127.0.0.1:${server.running.port}`;
    const redirectUri = `${serverUrl}${startPath}/callback`;
    const provider = await OpenIdTestProvider.start({ id: 'deploy-os', secret: clientSecret, redirectUri });
    const roles = { ops: 'operator', admins: 'administrator', everybody: 'viewer' };
    await writeFile(path.join(server.dataDir, 'client-secret'), `${clientSecret}\n`);
    const config = {
      issuer: provider.issuer,
      clientId: 'deploy-os',
      clientSecretFile: 'client-secret',
      serverUrl,
      roles,
    };
    const scene = new OpenIdScene(server, provider, redirectUri, config);
    await scene.change(more);
    return scene;
  }

  /** The server, started anew with another file. */
  async change(more: object): Promise<void> {
    const openid = path.join(this.server.dataDir, 'openid.json');
    await writeFile(openid, JSON.stringify({ ...this.#config, ...more }));
    await this.server.restart({ openid });
  }

  /** Begins a login; where the provider is, and the cookie of the browser. */
  async begin(target = startPath): Promise<{ location: string; cookie: string; setCookie: string }> {
    const answer = await this.server.tls(target);
    if (answer.status !== 302) throw new Error(`${answer.status} ${answer.body}`);
    const [setCookie = ''] = answer.headers['set-cookie'] as string[];
    return { location: String(answer.headers.location), setCookie, cookie: setCookie.split(';', 1)[0] ?? '' };
  }

  back(url: URL, cookie: string): Promise<Answer> {
    const headers: Record<string, string> = cookie === '' ? {} : { cookie };
    return this.server.tls(`${url.pathname}${url.search}`, { headers: { ...headers, 'sec-fetch-site': 'cross-site' } });
  }

  async logIn(subject: string, target = startPath): Promise<Answer> {
    const { location, cookie } = await this.begin(target);
    return this.back(await this.provider.logIn(location, subject), cookie);
  }

  async see(answer: Answer): Promise<Answer> {
    return this.server.tls('/v1/me', { headers: { cookie: sessionOf(answer) } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.provider[Symbol.asyncDispose]();
  }
}

function sessionOf(answer: Answer): string {
  const cookie = (answer.headers['set-cookie'] as string[]).find((text) => text.startsWith('__Host-deploy-os=dus_'));
  if (cookie === undefined) throw new Error(`no session: ${answer.status} ${answer.body}`);
  return cookie.split(';', 1)[0] ?? '';
}
