// The S3 store on a real service, Ceph's gateway: the contract of a store, and what a person or a network does to it.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { digestOf } from '../../imaging/chunk/digest.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { checkStore } from '../../imaging/store/check-store.ts';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { collectGarbage } from '../../imaging/store/collect-garbage.ts';
import { openHttpStore } from '../../imaging/store/http-store.ts';
import { fetchPinnedCa } from '../../imaging/store/pinned-ca.ts';
import { S3Bucket } from '../../imaging/store/s3/bucket.ts';
import { S3Client } from '../../imaging/store/s3/client.ts';
import { parseS3Location, type S3Location } from '../../imaging/store/s3/location.ts';
import { chunkKey } from '../../imaging/store/s3/object-keys.ts';
import { openS3Store, type S3Store, type S3StoreOptions } from '../../imaging/store/s3-store.ts';
import { verifyImage } from '../../imaging/verify.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { type S3Service, startS3Service } from '../fixtures/s3-service.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { startTestServer, type TestServer } from '../imaging/store/test-server.ts';
import { maintenanceConformance } from './maintenance-conformance.ts';
import { chunkOf, storeConformance, tinyImage } from './store-conformance.ts';

const mib = 2 ** 20;
const bucketName = 'images';
const cli = path.join(import.meta.dirname, '../../cli/deploy-os');
let service: S3Service;

beforeAll(async () => {
  service = await startS3Service();
  const client = new S3Client(locate(''), { retryForMs: 60_000, maxSockets: 1, idleTimeoutMs: 60_000 });
  await client.call({ method: 'PUT', maxAnswerBytes: 65_536 });
  client.close();
}, 300_000);
afterAll(() => service?.stop());

function locate(prefix: string, environment: { [name: string]: string } = {}): S3Location {
  const url = `s3+${service.endpoint}/${bucketName}/${prefix}`;
  return parseS3Location(url, { ...service.environment, ...environment });
}

/** A store under a prefix of its own. */
function openNew(options: Partial<S3StoreOptions> = {}): Promise<S3Store> {
  return openS3Store(locate(`racks/${randomUUID()}`), { create: true, ...options });
}

/** The same store again, through another address or with another patience. */
function openAgain(store: S3Store, options: Partial<S3StoreOptions> & { port?: number } = {}): Promise<S3Store> {
  const { port, ...rest } = options;
  const url = port === undefined ? store.label : store.label.replace(/:\d+\//, `:${port}/`);
  return openS3Store(parseS3Location(url, service.environment), { create: false, ...rest });
}

function bucketOf(store: S3Store): S3Bucket {
  const location = parseS3Location(store.label, service.environment);
  return new S3Bucket(new S3Client(location, { retryForMs: 0, maxSockets: 16, idleTimeoutMs: 60_000 }), location);
}

const onS3 = async () => ({ open: () => openNew(), dispose: async () => {} });
storeConformance('the S3 store', onS3);
maintenanceConformance('the S3 store', onS3);

test('a disk captured to S3 and restored from it is the same, and a second capture sends nothing', async () => {
  await withTempDirectory(async (directory) => {
    const content = noise(5 * mib, 'content');
    const source = await makeExtDisk(path.join(directory, 'source'), 24 * mib, {
      a: content,
      b: content.subarray(mib),
    });
    const store = await openNew();
    const first = await captureImage({ sourcePath: source, imageName: 'one', store });
    expect(first.slotsSent).toBeGreaterThan(5);
    const second = await captureImage({ sourcePath: source, imageName: 'two', store });
    expect(second).toMatchObject({ bytesSent: 0, slotsSent: 0, rootDigest: first.rootDigest });
    await verifyImage({ imageName: 'one', store });
    const target = await makeRawDisk(path.join(directory, 'target'), 24 * mib, [
      { offsetBytes: 0, bytes: noise(24 * mib, 'old') },
    ]);
    await restoreImage({ targetPath: target, imageName: 'two', store });
    const again = await captureImage({ sourcePath: target, imageName: 'three', store });
    expect(again.rootDigest).toBe(first.rootDigest);
    await store.close();
  });
});

test('a check names a damaged and a lost chunk, and garbage collection frees what a deleted image alone needed', async () => {
  await withTempDirectory(async (directory) => {
    const store = await openNew();
    const bytes = noise(6 * mib, 'disk');
    const source = await makeRawDisk(path.join(directory, 'source'), 6 * mib, [{ offsetBytes: 0, bytes }]);
    await captureImage({ sourcePath: source, imageName: 'kept', store });
    expect(await checkStore(store)).toMatchObject({ images: 1, problems: [], temporaryFiles: 0 });
    await fs.writeFile(source, noise(6 * mib, 'other'));
    await captureImage({ sourcePath: source, imageName: 'deleted', store });
    await store.deleteManifest('deleted');
    const freed = await collectGarbage(store, { olderThanMs: -60_000, dryRun: false });
    expect(freed).toMatchObject({ chunks: 7, kept: 7 });
    const bucket = bucketOf(store);
    const [damaged = '', lost = ''] = [0, 1].map((i) => digestOf(bytes.subarray(i * mib, (i + 1) * mib)));
    await bucket.put(chunkKey(damaged), Buffer.from('garbage'));
    await bucket.remove(chunkKey(lost));
    const { problems } = await checkStore(store);
    expect(problems.map(({ code }) => code).sort()).toEqual(['chunk-corrupt', 'chunk-not-found']);
    await store.close();
  });
});

test('a capture goes on when the service is killed in the middle and comes back', async () => {
  await withTempDirectory(async (directory) => {
    const store = await openNew();
    const source = await makeRawDisk(path.join(directory, 'source'), 24 * mib, [
      { offsetBytes: 0, bytes: noise(24 * mib, 'all') },
    ]);
    let restarted: Promise<void> | undefined;
    const restart = async () => {
      await service.stopGateway();
      await service.startGateway();
    };
    await captureImage({
      ...{ sourcePath: source, imageName: 'one', store },
      onProgress: ({ bytesDone }) => {
        if (bytesDone > 8 * mib) restarted ??= restart();
      },
    });
    expect(restarted).toBeDefined();
    await restarted;
    await verifyImage({ imageName: 'one', store });
    await store.close();
  });
});

test('servers that share a bucket show the same images, and neither needs what the other knows', async () => {
  const url = `s3+${service.endpoint}/${bucketName}/racks/${randomUUID()}`;
  Object.assign(process.env, service.environment);
  const servers = [await startTestServer(url), await startTestServer(url)];
  const stores = await Promise.all(servers.map(openThrough));
  const [a, b] = stores as [ChunkStore, ChunkStore];
  try {
    const { chunks, manifest } = tinyImage('one', chunkOf('one'));
    await a.putChunks(chunks.slice(0, 1));
    await b.putChunks(chunks.slice(1));
    expect(await a.findMissing(chunks.map(({ digest }) => digest))).toEqual([]);
    await a.putManifest('one', manifest);
    await expect(b.putManifest('one', tinyImage('one', chunkOf('one')).manifest)).rejects.toMatchObject({
      code: 'image-exists',
    });
    expect(await b.listManifests()).toMatchObject([{ name: 'one' }]);
    expect(await b.stats()).toMatchObject({ images: 1, chunks: 2 });
    await verifyImage({ imageName: 'one', store: b });
    await b.deleteManifest('one');
    expect(await a.listManifests()).toEqual([]);
  } finally {
    await Promise.all(stores.map((store) => store.close()));
    await Promise.all(servers.map((server) => server.close()));
  }
});

async function openThrough({ running: { url, caFingerprint, operatorToken } }: TestServer): Promise<ChunkStore> {
  const { ca } = await fetchPinnedCa(url, caFingerprint);
  return openHttpStore({ url, ca, headers: { authorization: `Bearer ${operatorToken}` } });
}

test('the command line captures to S3, lists it and looks after it', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeRawDisk(path.join(directory, 'source'), 2 * mib, [
      { offsetBytes: 0, bytes: noise(2 * mib, 'cli') },
    ]);
    const DEPLOY_OS_STORE = `s3+${service.endpoint}/${bucketName}/racks/${randomUUID()}`;
    const env = { ...process.env, ...service.environment, DEPLOY_OS_STORE };
    const deployOs = async (...args: string[]) => {
      const { stdout } = await promisify(execFile)(cli, [...args, '--json'], { env });
      return JSON.parse(stdout) as unknown;
    };
    expect(await deployOs('image', 'capture', source, 'one')).toMatchObject({ name: 'one', slotsSent: 2 });
    expect(await deployOs('image', 'list')).toMatchObject([{ name: 'one' }]);
    expect(await deployOs('store', 'stats')).toMatchObject({ images: 1, chunks: 3 });
    expect(await deployOs('store', 'check', '--repair')).toMatchObject({ images: 1, chunks: 3, problems: [] });
    await deployOs('store', 'prune', '--keep-last', '1', '--dry-run');
    expect(await deployOs('store', 'gc')).toMatchObject({ chunks: 0, kept: 3 });
  });
});

test('a service that stays away is server-unreachable after the time allowed, with what to look at', async () => {
  const store = await openNew({ retryForMs: 1000 });
  await service.stopGateway();
  try {
    await expect(store.findMissing(['0'.repeat(64)])).rejects.toMatchObject({
      code: 'server-unreachable',
      hint: expect.stringContaining('Tried for'),
    });
  } finally {
    await service.startGateway();
  }
  await store.close();
});

test('a wrong secret, a wrong key and a wrong clock are told apart, and nothing is tried twice', async () => {
  const open = (environment: { [name: string]: string }) =>
    openS3Store(locate('racks/x', environment), { create: true });
  const startedMs = performance.now();
  await expect(open({ AWS_SECRET_ACCESS_KEY: 'wrong' })).rejects.toMatchObject({ code: 'unauthorized' });
  await expect(open({ AWS_ACCESS_KEY_ID: 'nobody' })).rejects.toMatchObject({
    code: 'unauthorized',
    message: expect.stringContaining('InvalidAccessKeyId'),
  });
  const now = Date.now;
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(value: string | number = now() - 3_600_000) {
      super(value);
    }
  } as DateConstructor;
  try {
    await expect(open({})).rejects.toMatchObject({ code: 'clock-skewed', hint: expect.stringContaining('clock') });
  } finally {
    globalThis.Date = RealDate;
  }
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});

test('a missing bucket, a prefix without a store and one with other things in it are store-not-found', async () => {
  const url = `s3+${service.endpoint}/no-such-bucket`;
  await expect(openS3Store(parseS3Location(url, service.environment), { create: true })).rejects.toMatchObject({
    code: 'store-not-found',
    hint: expect.stringContaining("Make the bucket 'no-such-bucket'"),
  });
  const prefix = `racks/${randomUUID()}`;
  await expect(openS3Store(locate(prefix), { create: false })).rejects.toMatchObject({ code: 'store-not-found' });
  const store = await openNew();
  await bucketOf(store).remove('store.json');
  await bucketOf(store).put('holiday.jpg', Buffer.from('x'));
  await expect(openAgain(store, { create: true })).rejects.toMatchObject({ code: 'store-not-found' });
  await store.close();
});

test('a store of a newer version is left alone', async () => {
  const store = await openNew();
  await bucketOf(store).put('store.json', Buffer.from('{"format":"deploy-os-store","version":2}'));
  await expect(openAgain(store)).rejects.toMatchObject({ code: 'store-version' });
  await store.close();
});

test('chunks are found as well by listing as one by one', async () => {
  const store = await openNew();
  const chunks = Array.from({ length: 260 }, (_, i) => chunkOf(`chunk ${i}`));
  const [present, absent] = [chunks.slice(0, 250), chunks.slice(250)];
  await store.putChunks(present);
  const many = chunks.map(({ digest }) => digest);
  expect(await store.findMissing(many)).toEqual(absent.map(({ digest }) => digest));
  const few = many.slice(240);
  expect(await store.findMissing(few)).toEqual(absent.map(({ digest }) => digest));
  await store.close();
});

test('listing goes on page after page', async () => {
  const store = await openNew();
  const bucket = bucketOf(store);
  const digests = Array.from({ length: 1203 }, (_, i) => digestOf(Buffer.from(String(i)))).sort();
  await Promise.all(digests.map((digest) => bucket.put(chunkKey(digest), Buffer.from('x'))));
  const listed: string[] = [];
  for await (const { digest } of store.maintenance.listChunks()) listed.push(digest);
  expect(listed).toEqual(digests);
  await store.close();
});

test('a bit flipped on the way to the service does not reach the store', async () => {
  const store = await openNew();
  const chunk = chunkOf('a chunk that meets bad memory on its way');
  const flips = { left: 1 };
  const proxy = await startProxy(chunk.stored, flips);
  const through = await openAgain(store, { port: proxy.port });
  await through.putChunks([chunk]);
  expect(flips.left).toBe(0);
  expect(Buffer.compare(await store.getChunk(chunk.digest), chunk.stored)).toBe(0);
  await through.close();
  await proxy.close();
  await store.close();
});

/** A proxy that changes a byte in the middle of `body` when it comes by, `flips.left` times. */
async function startProxy(
  body: Uint8Array,
  flips: { left: number },
): Promise<{ port: number; close(): Promise<void> }> {
  const middle = Buffer.from(body.subarray(body.length >> 1, (body.length >> 1) + 16));
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(new URL(service.endpoint).port), '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => [client, upstream].map((either) => either.destroy()));
    }
    client.on('data', (bytes: Buffer) => {
      const at = flips.left > 0 ? bytes.indexOf(middle) : -1;
      if (at >= 0) {
        flips.left--;
        bytes[at] = (bytes[at] ?? 0) ^ 1;
      }
      upstream.write(bytes);
    });
    upstream.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a chunk that is asked for when it is old is renewed, so that garbage collection spares it', async () => {
  const store = await openNew();
  const [wanted, forgotten] = [chunkOf('wanted'), chunkOf('forgotten')];
  await store.putChunks([wanted, forgotten]);
  const realNow = Date.now;
  // To this client the chunk is two hours old; the service gives it a new time all the same.
  const beforeMs = await store.maintenance.readClock();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  Date.now = () => realNow() + 2 * 3_600_000;
  try {
    expect(await store.findMissing([wanted.digest])).toEqual([]);
  } finally {
    Date.now = realNow;
  }
  const clockMs = await store.maintenance.readClock();
  const olderThanMs = clockMs - beforeMs - 500;
  expect(await collectGarbage(store, { olderThanMs, dryRun: false })).toMatchObject({ chunks: 1, kept: 1 });
  expect(await store.findMissing([wanted.digest, forgotten.digest])).toEqual([forgotten.digest]);
  expect(Buffer.compare(await store.getChunk(wanted.digest), wanted.stored)).toBe(0);
  await store.close();
});

test('an image whose announcement was taken away goes again', async () => {
  const store = await openNew();
  const { chunks, manifest } = tinyImage('one', chunkOf('one'));
  await store.putChunks(chunks);
  const deleteAnnounced = async () => {
    for await (const { place } of store.maintenance.listLeftOver()) await store.maintenance.deleteLeftOver(place);
  };
  const get = store.getChunk.bind(store);
  // The check of the manifest reads its segment: by then it is announced.
  store.getChunk = async (digest, signal) => {
    await deleteAnnounced();
    return get(digest, signal);
  };
  await expect(store.putManifest('one', manifest)).rejects.toMatchObject({ code: 'store-io' });
  store.getChunk = get;
  expect(await store.listManifests()).toEqual([]);
  await store.putManifest('one', manifest);
  await store.putManifest('one', manifest);
  expect(await store.listManifests()).toMatchObject([{ name: 'one' }]);
  await store.close();
});
