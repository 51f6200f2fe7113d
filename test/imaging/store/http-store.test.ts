import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../../imaging/chunk/digest.ts';
import { decodeChunk, encodeChunk } from '../../../imaging/chunk/stored-chunk.ts';
import type { ChunkStore, StoredChunk } from '../../../imaging/store/chunk-store.ts';
import { type HttpStoreOptions, openHttpStore } from '../../../imaging/store/http-store.ts';
import { fetchPinnedCa } from '../../../imaging/store/pinned-ca.ts';
import { startHostileServer, startTestServer, type TestServer } from './test-server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

async function openRealStore(options: Partial<HttpStoreOptions> = {}): Promise<ChunkStore> {
  const { url, caFingerprint, operatorToken } = server.running;
  const { ca } = await fetchPinnedCa(url, caFingerprint);
  return openHttpStore({ url, ca, headers: { authorization: `Bearer ${operatorToken}` }, ...options });
}

function makeChunks(count: number, sizeBytes: number): StoredChunk[] {
  return Array.from({ length: count }, () => {
    const bytes = randomBytes(sizeBytes);
    return { digest: digestOf(bytes), stored: encodeChunk(bytes) };
  });
}

describe('the HTTP store on a real server', () => {
  it('stores many chunks, more than fit into one request, and gives each back as it was', async () => {
    const store = await openRealStore();
    const chunks = makeChunks(40, 2 ** 20);
    const digests = chunks.map(({ digest }) => digest);
    expect(await store.findMissing(digests)).toEqual(digests);
    await store.putChunks(chunks);
    await store.flush();
    expect(await store.findMissing(digests)).toEqual([]);
    for (const { digest, stored } of chunks) {
      const got = await store.getChunk(digest);
      expect(got.equals(stored)).toBe(true);
      decodeChunk(digest, got);
    }
    await store.close();
  });

  it('asks about more digests than one request may name', async () => {
    const store = await openRealStore();
    const digests = Array.from({ length: 40_000 }, () => randomBytes(32).toString('hex'));
    expect(await store.findMissing(digests)).toEqual(digests);
    await store.close();
  });

  it('says chunk-not-found, image-not-found and chunk-corrupt in the words of the catalogue', async () => {
    const store = await openRealStore();
    await expect(store.getChunk('0'.repeat(64))).rejects.toMatchObject({ code: 'chunk-not-found' });
    await expect(store.getManifest('nobody')).rejects.toMatchObject({ code: 'image-not-found' });
    const [chunk] = makeChunks(1, 4096);
    const wrong = [{ digest: 'ab'.repeat(32), stored: chunk?.stored ?? Buffer.alloc(0) }];
    await expect(store.putChunks(wrong)).rejects.toMatchObject({ code: 'chunk-corrupt' });
    await store.close();
  });

  it("does not let an image's name become a path", async () => {
    const store = await openRealStore();
    for (const name of ['..', '.', '../../v1/store/stats', 'a/b', '%2e%2e', '二 バイト']) {
      await expect(store.getManifest(name)).rejects.toMatchObject({ code: 'image-not-found' });
    }
    await store.close();
  });

  it('waits for a server that is restarted and goes on', async () => {
    const outages: string[] = [];
    const store = await openRealStore({ onOutage: (message) => outages.push(message) });
    const chunks = makeChunks(8, 2 ** 20);
    const restarted = server.restart(800);
    const digests = chunks.map(({ digest }) => digest);
    for (const chunk of chunks) await store.putChunks([chunk]);
    await restarted;
    expect(await store.findMissing(digests)).toEqual([]);
    expect(outages).toHaveLength(2);
    await store.close();
  });

  it('is refused without the right token, at once', async () => {
    const store = await openRealStore({ headers: { authorization: 'Bearer wrong' } });
    await expect(store.stats()).rejects.toMatchObject({ code: 'unauthorized' });
    await store.close();
  });
});

describe('the HTTP store on a server that misbehaves', () => {
  const answers = {
    'an answer longer than it may be': { status: 200, body: Buffer.alloc(200_000), code: 'too-large' },
    'an answer that is no JSON': { status: 200, body: Buffer.from('<html>'), code: 'server-error' },
    'JSON of another shape': { status: 200, body: Buffer.from('{"missing": 7}'), code: 'server-error' },
    'an error without a body': { status: 418, body: Buffer.alloc(0), code: 'server-error' },
    'an error code of a newer version': {
      status: 400,
      body: Buffer.from('{"error":{"code":"moon-phase","message":"no"}}'),
      code: 'server-error',
    },
    'an error longer than it may be': { status: 500, body: Buffer.alloc(100_000), code: 'too-large' },
  };
  for (const [what, { status, body, code }] of Object.entries(answers)) {
    it(`refuses ${what} without trying again`, async () => {
      let requests = 0;
      const hostile = await startHostileServer((_request, response) => {
        requests++;
        response.writeHead(status).end(body);
      });
      const store = await openHttpStore({ ...hostile, headers: {} });
      await expect(store.findMissing(['ab'.repeat(32)])).rejects.toMatchObject({ code });
      expect(requests).toBe(1);
      await store.close();
      await hostile.close();
    });
  }

  it('ignores digests that it did not ask for', async () => {
    const asked = 'ab'.repeat(32);
    const hostile = await startHostileServer((_request, response) =>
      response.end(JSON.stringify({ missing: [asked, 'cd'.repeat(32)] })),
    );
    const store = await openHttpStore({ ...hostile, headers: {} });
    expect(await store.findMissing([asked])).toEqual([asked]);
    await store.close();
    await hostile.close();
  });

  it('tries again after 503, after an answer that breaks off, and after a connection that is cut', async () => {
    let requests = 0;
    const hostile = await startHostileServer((_request, response) => {
      requests++;
      if (requests === 1) response.writeHead(503).end();
      else if (requests === 2)
        response.writeHead(200, { 'content-length': 100 }).write('half', () => response.destroy());
      else if (requests === 3) response.destroy();
      else response.end('{"images":1,"chunks":2,"storedBytes":3}');
    });
    const store = await openHttpStore({ ...hostile, headers: {} });
    expect(await store.stats()).toEqual({ images: 1, chunks: 2, storedBytes: 3 });
    expect(requests).toBe(4);
    await store.close();
    await hostile.close();
  });

  it('sends again by a new connection what hangs on an old one, when the way to the server is another one now', async () => {
    let requests = 0;
    const hanging = Promise.withResolvers<void>();
    const hostile = await startHostileServer((_request, response) => {
      requests++;
      if (requests === 1) hanging.resolve();
      else response.end('{"images":1,"chunks":2,"storedBytes":3}');
    });
    const moveListeners = new Set<() => void>();
    const store = await openHttpStore({ ...hostile, headers: {}, moveListeners });
    const stats = store.stats();
    await hanging.promise;
    for (const listener of moveListeners) listener();
    expect(await stats).toEqual({ images: 1, chunks: 2, storedBytes: 3 });
    expect(requests).toBe(2);
    await store.close();
    expect(moveListeners.size).toBe(0);
    await hostile.close();
  });

  it('gives up when the server stays away for longer than it was told to wait', async () => {
    const hostile = await startHostileServer((_request, response) => response.writeHead(502).end());
    const store = await openHttpStore({ ...hostile, headers: {}, retryForMs: 300 });
    await expect(store.stats()).rejects.toMatchObject({ code: 'server-unreachable' });
    await store.close();
    await hostile.close();
  });

  it('does not ask again for what a server has tried in vain with a machine', async () => {
    let requests = 0;
    const hostile = await startHostileServer((_request, response) => {
      requests++;
      response.writeHead(502).end('{"error":{"code":"power-failed","message":"it was asked to be off, and is on"}}');
    });
    const store = await openHttpStore({ ...hostile, headers: {} });
    await expect(store.stats()).rejects.toMatchObject({ code: 'power-failed', message: /is on$/ });
    expect(requests).toBe(1);
    await store.close();
    await hostile.close();
  });

  it('stops at once when it is told to, also while it waits for a server that is away', async () => {
    const hostile = await startHostileServer(() => {});
    const store = await openHttpStore({ ...hostile, headers: {} });
    const hanging = store.stats(AbortSignal.timeout(50));
    await expect(hanging).rejects.toMatchObject({ code: 'cancelled' });
    await hostile.close();
    await expect(store.stats(AbortSignal.timeout(50))).rejects.toMatchObject({ code: 'cancelled' });
    await store.close();
  });

  it('does not trust a certificate of another CA, and does not tell it the token', async () => {
    let requests = 0;
    const hostile = await startHostileServer(() => requests++);
    const other = await startHostileServer(() => {});
    const store = await openHttpStore({ url: hostile.url, ca: other.ca, headers: { authorization: 'Bearer secret' } });
    await expect(store.stats()).rejects.toMatchObject({ code: 'server-untrusted' });
    expect(requests).toBe(0);
    await store.close();
    await hostile.close();
    await other.close();
  });
});
