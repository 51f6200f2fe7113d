// How the server hands out the console: types, compression, caching, and what a browser is forbidden.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import Fastify from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createConsole, isConsolePath } from '../../server/console/serve-console.ts';
import { TestServer } from './support.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'deploy-os-console-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function build(): Promise<void> {
  await mkdir(path.join(folder, 'assets'));
  await writeFile(path.join(folder, 'index.html'), '<!doctype html>page');
  await writeFile(path.join(folder, 'stamp'), 'secret');
  await writeFile(path.join(folder, 'assets/index-abc.js'), 'script');
  await writeFile(path.join(folder, 'assets/index-abc.js.br'), 'brotli');
  await writeFile(path.join(folder, 'assets/index-abc.js.gz'), 'gzip');
}

function app() {
  const server = Fastify();
  const answer = createConsole(folder);
  server.setNotFoundHandler((request, reply) =>
    isConsolePath(request) ? answer(request, reply) : reply.code(404).send('api'),
  );
  return server;
}

it('until it is built the server says how to build it, and serves it as soon as it is there', async () => {
  const server = app();
  const before = await server.inject('/');
  expect([before.statusCode, before.body]).toEqual([503, expect.stringContaining('npm run console')]);
  await build();
  expect((await server.inject('/')).body).toContain('page');
});

it('the page is at every address of the console and is asked for each time, and nothing from elsewhere is allowed in it', async () => {
  await build();
  const server = app();
  for (const url of ['/', '/machines', '/machines/8k2?x=.js', '/images/win11-23.10']) {
    const answer = await server.inject(url);
    expect([url, answer.statusCode, answer.body]).toEqual([url, 200, '<!doctype html>page']);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringMatching(/^default-src 'self';.*frame-ancestors 'none'/),
    });
    expect(String(answer.headers['content-security-policy'])).not.toContain('unsafe');
    const again = await server.inject({ url, headers: { 'if-none-match': String(answer.headers.etag) } });
    expect([again.statusCode, again.body]).toEqual([304, '']);
  }
});

it('what looks like another server is no page of this one', async () => {
  await build();
  expect((await app().inject('//evil.example/machines')).statusCode).toBe(404);
});

it('an asset is kept for ever, and sent as small as the client takes it', async () => {
  await build();
  const server = app();
  const ask = (encoding: string) =>
    server.inject({ url: '/assets/index-abc.js', headers: { 'accept-encoding': encoding } });
  const got = await Promise.all(['gzip, deflate, br', 'gzip', 'br;q=0, gzip', 'identity', 'br;q=0.5'].map(ask));
  expect(got.map(({ body, headers }) => [body, headers['content-encoding']])).toEqual([
    ['brotli', 'br'],
    ['gzip', 'gzip'],
    ['gzip', 'gzip'],
    ['script', undefined],
    ['brotli', 'br'],
  ]);
  expect(got[0]?.headers).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
    vary: 'Accept-Encoding',
  });
});

it.each(['/assets/gone.js', '/stamp.js', '/../package.json', '/%2e%2e/package.json', '/assets/..%2f..%2fpackage.json'])(
  'nothing but the files of the build is handed out: %s',
  async (url) => {
    await build();
    const answer = await app().inject(url);
    expect([answer.statusCode, answer.body]).toEqual([404, 'no such file\n']);
  },
);

it('the address of the API is never answered with a page', async () => {
  await build();
  const server = app();
  const posted = await server.inject({ method: 'POST', url: '/machines' });
  expect([(await server.inject('/v1/nothing')).body, posted.body]).toEqual(['api', 'api']);
});

it('whoever types the address without https is sent there, and nowhere else', async () => {
  await using server = await TestServer.start();
  const { status, headers } = await server.plain('/');
  expect([status, headers.location]).toEqual([302, `https://127.0.0.1:${server.running.port}/`]);
  const ask = (host: string) =>
    new Promise<unknown>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: server.running.port, path: '/', agent: false, headers: { host } };
      get(options, (response) => resolve([response.statusCode, response.resume().headers.location])).on(
        'error',
        reject,
      );
    });
  expect(await ask('good.example')).toEqual([302, 'https://good.example/']);
  for (const host of ['evil.example/x', 'a@evil.example', 'evil.example?'])
    expect(await ask(host)).toEqual([404, undefined]);
});
