import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { digestOf } from '../../imaging/chunk/digest.ts';
import { encodeChunk } from '../../imaging/chunk/stored-chunk.ts';
import { makeDataKey, nameOfToken, tokenOf } from '../../imaging/crypt/data-key.ts';
import { sealChunk } from '../../imaging/crypt/sealed-chunk.ts';
import { encodeChunkBatch, maxBatchBytes } from '../../imaging/store/chunk-batch.ts';
import { openHttpStore } from '../../imaging/store/http-store.ts';
import { fetchPinnedCa } from '../../imaging/store/pinned-ca.ts';
import { verifyImage } from '../../imaging/verify.ts';
import { errorCode, TestServer } from './support.ts';

const bytes = Buffer.from('some bytes of a disk');
const digest = digestOf(bytes);
const stored = encodeChunk(bytes);

async function upload(server: TestServer, chunks: { digest: string; stored: Uint8Array }[]) {
  const body = Buffer.concat(encodeChunkBatch(chunks));
  return server.tls('/v1/chunks', { method: 'POST', headers: server.operator, body });
}

const missing = (server: TestServer, digests: string[]) =>
  server.api<{ missing: string[] }>('POST', '/v1/chunks/missing', { digests });

describe('the data routes', () => {
  it('take a batch of chunks and give each back', async () => {
    await using server = await TestServer.start();
    expect((await missing(server, [digest])).missing).toEqual([digest]);
    expect((await upload(server, [{ digest, stored }])).status).toBe(204);
    await server.api('POST', '/v1/chunks/flush');
    expect((await missing(server, [digest])).missing).toEqual([]);
    const answer = await server.tls(`/v1/chunks/${digest}`, { headers: server.operator });
    expect(answer.headers['cache-control']).toContain('immutable');
    expect(answer.body.equals(Buffer.from(stored))).toBe(true);
  });

  it('refuse a whole batch for one chunk that is not what its digest says', async () => {
    await using server = await TestServer.start();
    const other = digestOf(Buffer.from('other bytes'));
    const answer = await upload(server, [
      { digest, stored },
      { digest: other, stored },
    ]);
    expect([answer.status, errorCode(answer)]).toEqual([422, 'chunk-corrupt']);
    expect((await missing(server, [digest, other])).missing).toEqual([digest, other]);
  });

  it('keep a sealed chunk that is there, whatever is sent under its name by someone who saw it', async () => {
    await using server = await TestServer.start();
    const { keys } = makeDataKey();
    const name = nameOfToken(tokenOf(keys, digest));
    const sealed = Buffer.from(sealChunk(keys, digest, stored));
    const rubbish = Buffer.concat([sealed.subarray(0, 68), Buffer.alloc(60, 'rubbish')]);
    const forged = Buffer.concat([rubbish, Buffer.from(digestOf(rubbish), 'hex')]);
    for (const form of [sealed, forged])
      expect((await upload(server, [{ digest: name, stored: form }])).status).toBe(204);
    const kept = await server.tls(`/v1/chunks/${name}`, { headers: server.operator });
    expect(kept.body.equals(sealed)).toBe(true);
    const elsewhere = await upload(server, [{ digest, stored: sealed }]);
    expect([elsewhere.status, errorCode(elsewhere)]).toEqual([422, 'chunk-corrupt']);
  });

  it('refuse bodies that are torn, too large or no digests', async () => {
    await using server = await TestServer.start();
    const post = (target: string, body: Uint8Array | string, type = 'application/octet-stream') =>
      server.tls(target, { method: 'POST', headers: { ...server.operator, 'content-type': type }, body });
    const torn = Buffer.concat(encodeChunkBatch([{ digest, stored }])).subarray(0, 50);
    expect(errorCode(await post('/v1/chunks', torn))).toBe('invalid-input');
    const large = await post('/v1/chunks', Buffer.alloc(maxBatchBytes + 1));
    expect([large.status, errorCode(large)]).toEqual([413, 'too-large']);
    for (const body of ['{"digests":["../../etc/passwd"]}', '{"digests":', '[]', '']) {
      const answer = await post('/v1/chunks/missing', body, 'application/json');
      expect([body, answer.status, errorCode(answer)]).toEqual([body, 400, 'invalid-input']);
    }
    const many = JSON.stringify({ digests: Array.from({ length: 65_537 }, () => digest) });
    expect(errorCode(await post('/v1/chunks/missing', many, 'application/json'))).toBe('invalid-input');
    const huge = await post('/v1/chunks/missing', `{"x":"${'y'.repeat(9 * 2 ** 20)}"}`, 'application/json');
    expect(errorCode(huge)).toBe('too-large');
  });

  it('never leave the store by a name', async () => {
    await using server = await TestServer.start();
    const put = (name: string, body: Uint8Array) =>
      server.tls(`/v1/images/${name}`, { method: 'PUT', headers: server.operator, body });
    const before = await readdir(path.dirname(server.dataDir));
    for (const name of ['..%2F..%2Fescaped', '%2Fetc%2Fescaped', '..', '%00', 'a%0Ab']) {
      const answer = await put(name, Buffer.from('x'));
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect((await server.tls(`/v1/images/${name}/manifest`, { headers: server.operator })).status).toBeGreaterThan(
        399,
      );
    }
    for (const name of ['..%2f..%2fetc%2fpasswd', '/etc/passwd', '%2e%2e']) {
      const answer = await server.tls(`/v1/chunks/${name}`, { headers: server.operator });
      expect([400, 404]).toContain(answer.status);
    }
    expect(await readdir(path.dirname(server.dataDir))).toEqual(expect.arrayContaining(before.slice(0, 1)));
  });

  it('carry a whole image, take the same manifest twice and another of that name not at all', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'deploy-os-data-'));
    try {
      await using server = await TestServer.start();
      const { url, caFingerprint } = server.running;
      const { ca } = await fetchPinnedCa(url, caFingerprint);
      const store = await openHttpStore({ url, ca, headers: server.operator });
      const sourcePath = path.join(folder, 'disk.img');
      await writeFile(sourcePath, Buffer.alloc(3 * 2 ** 20, 'abcdefg'));
      const imageName = 'Büro / 東京';
      await captureImage({ sourcePath, imageName, store, workers: 1 });
      const result = await verifyImage({ imageName, store, workers: 1 });
      expect(result.problemCount).toBe(0);
      expect((await store.listManifests()).map((entry) => entry.name)).toEqual([imageName]);
      expect((await store.stats()).images).toBe(1);

      const manifest = await store.getManifest(imageName);
      await store.putManifest(imageName, manifest);
      await writeFile(sourcePath, Buffer.alloc(3 * 2 ** 20, 'gfedcba'));
      await expect(captureImage({ sourcePath, imageName, store, workers: 1 })).rejects.toMatchObject({
        code: 'image-exists',
      });
      await store.deleteManifest(imageName);
      await expect(store.getManifest(imageName)).rejects.toMatchObject({ code: 'image-not-found' });
      await store.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
