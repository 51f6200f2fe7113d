// What an S3 service that is broken or hostile can do to a client: nothing that lasts, grows or is believed.
import http, { type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { S3Bucket } from '../../../../imaging/store/s3/bucket.ts';
import { S3Client, type S3ClientOptions } from '../../../../imaging/store/s3/client.ts';
import { parseS3Location } from '../../../../imaging/store/s3/location.ts';
import { openS3Store } from '../../../../imaging/store/s3-store.ts';
import { chunkOf, tinyImage } from '../../../conformance/store-conformance.ts';
import { startHostileServer } from '../test-server.ts';

const marker = '{"format":"deploy-os-store","version":1}\n';
const cleanUp: (() => void)[] = [];

afterEach(() => {
  for (const clean of cleanUp.splice(0)) clean();
});

async function locate(listener: RequestListener, query = '') {
  const server = http.createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `s3+http://127.0.0.1:${(server.address() as AddressInfo).port}/bucket${query}`;
  return parseS3Location(url, { AWS_ACCESS_KEY_ID: 'AK', AWS_SECRET_ACCESS_KEY: 'SK' });
}

async function bucketBehind(listener: RequestListener, options: Partial<S3ClientOptions> = {}): Promise<S3Bucket> {
  const location = await locate(listener);
  const client = new S3Client(location, { retryForMs: 0, maxSockets: 4, idleTimeoutMs: 500, ...options });
  cleanUp.push(() => client.close());
  return new S3Bucket(client, location);
}

const error = (response: ServerResponse, status: number, code: string, message = '') =>
  response.writeHead(status).end(`<Error><Code>${code}</Code><Message>${message}</Message></Error>`);

/** A service that has a store, and answers everything but its marker in a way of its own. */
const withMarker =
  (answer: RequestListener): RequestListener =>
  (request, response) => {
    if (request.method === 'GET' && request.url === '/bucket/store.json') response.end(marker);
    else answer(request, response);
  };

describe('an answer of a hostile service', () => {
  it('is not read beyond what was asked for, announced or not', async () => {
    let sent = 0;
    const endless = await bucketBehind((_, response) => {
      const block = Buffer.alloc(65_536);
      const push = () => {
        while (!response.destroyed && sent < 2 ** 30) {
          sent += block.length;
          if (!response.write(block)) return response.once('drain', push);
        }
        return response;
      };
      push();
    });
    await expect(endless.get('x', 100_000)).rejects.toMatchObject({ code: 'too-large' });
    expect(sent).toBeLessThan(64 * 2 ** 20);
    const announced = await bucketBehind((_, response) => void response.writeHead(200, { 'content-length': '1e15' }));
    await expect(announced.get('x', 100_000)).rejects.toMatchObject({ code: /too-large|server-unreachable/ });
  });

  it('is given up when it drips or stops, within a time that goes with its length', async () => {
    const drip: RequestListener = (_, response) => {
      response.writeHead(200, { 'content-length': '8192' });
      const timer = setInterval(() => response.write('.'), 100);
      response.on('close', () => clearInterval(timer));
    };
    const startedMs = performance.now();
    const slow = await bucketBehind(drip);
    await expect(slow.get('x', 8192)).rejects.toMatchObject({
      code: 'server-unreachable',
      message: expect.stringContaining('not done within'),
    });
    const silent = await bucketBehind(() => {});
    await expect(silent.get('x', 8192)).rejects.toMatchObject({
      code: 'server-unreachable',
      message: expect.stringContaining('nothing moved'),
    });
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });

  it('is tried again when it ends early', async () => {
    let calls = 0;
    const cut = await bucketBehind(
      (_, response) => {
        response.writeHead(200, { 'content-length': '10' });
        if (++calls < 3) response.write('12345', () => response.destroy());
        else response.end('1234567890');
      },
      { retryForMs: 30_000 },
    );
    expect((await cut.get('x', 100))?.toString()).toBe('1234567890');
    expect(calls).toBe(3);
  });

  it('is not believed when it is success before the whole body was taken', async () => {
    const eager = await bucketBehind((request) => {
      request.socket.pause().write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    });
    const body = Buffer.alloc(32 * 2 ** 20);
    await expect(eager.put('x', body)).rejects.toMatchObject({ code: 'server-unreachable' });
  });

  it('that is garbage is a server-error', async () => {
    const garbage = await bucketBehind((_, response) => void response.end('<html>welcome'));
    await expect(garbage.page('', '')).rejects.toMatchObject({ code: 'server-error' });
    await expect(garbage.copy('a', 'b')).rejects.toMatchObject({ code: 'server-error' });
  });

  it('that lists what was not asked for is a server-error', async () => {
    const object =
      '<Contents><Key>other/x</Key><LastModified>2026-11-24T10:11:28Z</LastModified><Size>1</Size></Contents>';
    const lying = await bucketBehind(
      (_, response) =>
        void response.end(`<ListBucketResult><IsTruncated>false</IsTruncated>${object}</ListBucketResult>`),
    );
    await expect(lying.page('chunks/', '')).rejects.toMatchObject({ code: 'server-error' });
  });

  it('that sends elsewhere is not followed', async () => {
    let calls = 0;
    const redirecting = await bucketBehind((_, response) => {
      calls++;
      response.writeHead(307, { location: '/elsewhere', 'x-amz-bucket-region': 'eu-west-1' }).end();
    });
    await expect(redirecting.get('x', 100)).rejects.toMatchObject({
      code: 'usage',
      hint: expect.stringContaining("'eu-west-1'"),
    });
    expect(calls).toBe(1);
  });
});

describe('an address', () => {
  const environment = { AWS_ACCESS_KEY_ID: 'AK', AWS_SECRET_ACCESS_KEY: 'SK' };

  it('with TLS is believed with the CA that was given, and not without', async () => {
    const server = await startHostileServer((_, response) => void response.end(marker));
    const location = parseS3Location(`s3+${server.url}/bucket`, environment);
    await (await openS3Store(location, { create: false, ca: server.ca })).close();
    await expect(openS3Store(location, { create: false })).rejects.toMatchObject({
      code: 'server-untrusted',
      hint: expect.stringContaining('--ca'),
    });
    await server.close();
  });

  it('has the bucket in front of the host where that is asked for', async () => {
    const url = 's3+http://s3.invalid/images?addressing=virtual-host';
    const client = new S3Client(parseS3Location(url, environment), {
      retryForMs: 0,
      maxSockets: 1,
      idleTimeoutMs: 500,
    });
    cleanUp.push(() => client.close());
    await expect(client.call({ method: 'GET', key: 'x', maxAnswerBytes: 1 })).rejects.toMatchObject({
      code: 'server-unreachable',
      message: expect.stringMatching(/images\.s3\.invalid/),
    });
  });
});

describe('a refusal of a service', () => {
  it.each([
    [403, 'AccessDenied', 'forbidden'],
    [403, 'SignatureDoesNotMatch', 'unauthorized'],
    [400, 'ExpiredToken', 'unauthorized'],
    [403, 'RequestTimeTooSkewed', 'clock-skewed'],
    [403, 'QuotaExceeded', 'store-full'],
    [507, 'XMinioStorageFull', 'store-full'],
    [404, 'NoSuchBucket', 'store-not-found'],
    [403, 'InvalidObjectState', 'store-io'],
    [400, 'AuthorizationHeaderMalformed', 'usage'],
    [501, 'NotImplemented', 'store-unsupported'],
    [400, 'InvalidRequest', 'server-error'],
  ] as const)('with status %i %s is %s', async (status, code, expected) => {
    const bucket = await bucketBehind((_, response) => void error(response, status, code, 'why'));
    await expect(bucket.get('x', 100)).rejects.toMatchObject({
      code: expected,
      message: expect.stringContaining(code),
    });
  });

  it('that asks for patience, or tells of damage on the way, is tried again', async () => {
    const answers: [number, string][] = [
      [503, 'SlowDown'],
      [500, 'InternalError'],
      [429, 'TooManyRequests'],
      [400, 'BadDigest'],
      [409, 'ConditionalRequestConflict'],
    ];
    const bucket = await bucketBehind(
      (_, response) => {
        const [status, code] = answers.shift() ?? [];
        if (status === undefined || code === undefined) response.end();
        else error(response, status, code);
      },
      { retryForMs: 30_000 },
    );
    expect(await bucket.put('x', Buffer.from('y'), { ifAbsent: true })).toBe('written');
    expect(answers).toEqual([]);
  });

  it('comes through although the body is not out yet', async () => {
    const bucket = await bucketBehind((request, response) => {
      request.pause();
      error(response, 403, 'QuotaExceeded');
    });
    await expect(bucket.put('x', Buffer.alloc(32 * 2 ** 20))).rejects.toMatchObject({ code: 'store-full' });
  });
});

describe('a service that does not keep a name that is taken', () => {
  const { chunks, manifest } = tinyImage('one', chunkOf('one'));

  it.each([
    ['overwrites it', (response: ServerResponse) => void response.end()],
    ['says that it cannot', (response: ServerResponse) => void error(response, 501, 'NotImplemented')],
  ])('and %s is refused before anything is put', async (_, answer) => {
    const puts: string[] = [];
    const location = await locate(
      withMarker((request, response) => {
        puts.push(`${request.method} ${request.url}`);
        request.resume().on('end', () => answer(response));
      }),
    );
    const store = await openS3Store(location, { create: false, retryForMs: 0 });
    await expect(store.putManifest('one', manifest)).rejects.toMatchObject({
      code: 'store-unsupported',
      hint: expect.stringContaining('?conditional-put=off'),
    });
    expect(puts).toEqual(['PUT /bucket/store.json']);
    await store.close();
  });

  it('can be used by one who vouches for it, and then is asked first', async () => {
    const objects = new Map<string, Buffer>();
    const location = await locate(
      withMarker(async (request, response) => {
        const url = request.url ?? '';
        const parts: Buffer[] = [];
        for await (const part of request) parts.push(part as Buffer);
        if (request.method === 'PUT') objects.set(url, Buffer.concat(parts));
        if (request.method === 'DELETE') objects.delete(url);
        const object = objects.get(url);
        if (request.method === 'PUT' || request.method === 'DELETE') response.end();
        else if (object === undefined) response.writeHead(404).end();
        else
          response
            .writeHead(200, { 'last-modified': new Date().toUTCString(), 'content-length': object.length })
            .end(object);
      }),
      '?conditional-put=off',
    );
    const store = await openS3Store(location, { create: false, retryForMs: 0 });
    await store.putChunks(chunks);
    await store.putManifest('one', manifest);
    const other = tinyImage('one', chunkOf('one')).manifest;
    await expect(store.putManifest('one', other)).rejects.toMatchObject({ code: 'image-exists' });
    expect(Buffer.compare(await store.getManifest('one'), manifest)).toBe(0);
    await store.close();
  });
});
