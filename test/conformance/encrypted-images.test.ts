import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { digestOf } from '../../imaging/chunk/digest.ts';
import { addKey, rotateKey } from '../../imaging/crypt/manage-keys.ts';
import { isSealed } from '../../imaging/crypt/sealed-chunk.ts';
import { fileSecret } from '../../imaging/crypt/secret.ts';
import { unlockDataKey } from '../../imaging/crypt/unlock.ts';
import { openImageReader } from '../../imaging/image-reader.ts';
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import { signJson } from '../../imaging/manifest/signed-json.ts';
import { mapBytes, mapDisk } from '../../imaging/map.ts';
import { restoreImage } from '../../imaging/restore.ts';
import type { CheckStoreOptions, CheckStoreResult } from '../../imaging/store/check-request.ts';
import { checkSealed } from '../../imaging/store/check-sealed.ts';
import { checkStore } from '../../imaging/store/check-store.ts';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { collectGarbage } from '../../imaging/store/collect-garbage.ts';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { openEncryptedStore } from '../../imaging/store/encrypted-store.ts';
import { openHttpStore } from '../../imaging/store/http-store.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { fetchPinnedCa } from '../../imaging/store/pinned-ca.ts';
import { verifyImage } from '../../imaging/verify.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { encrypted, testKey, withKey, withoutKey } from '../fixtures/encrypted-stores.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { startTestServer } from '../imaging/store/test-server.ts';
import { chunkOf, tinyImage } from './store-conformance.ts';

const mib = 2 ** 20;
const otherKey = fileSecret(Buffer.alloc(32, 'other key'));

/** Every file below `directory`: path to content. */
async function filesIn(directory: string): Promise<Map<string, Buffer>> {
  const entries = await fs.readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.sort().map(async (file) => [file, await fs.readFile(file)] as const)));
}

async function makeSource(directory: string, seed = 'noise'): Promise<string> {
  return makeRawDisk(path.join(directory, `source-${seed}`), 6 * mib, [
    { offsetBytes: 0, bytes: noise(2 * mib, seed) },
    { offsetBytes: 4 * mib, bytes: Buffer.alloc(mib, 'attack at dawn ') },
  ]);
}

test('every recipe works over an encrypted store as over any other', async () => {
  await withTempDirectory(async (directory) => {
    const files = { one: noise(700_000, 'one'), two: Buffer.alloc(3 * mib, 'text ') };
    const source = await makeExtDisk(path.join(directory, 'source'), 32 * mib, files);
    const target = path.join(directory, 'target');
    const store = await encrypted(openMemoryStore());
    const first = await captureImage({ workers: 1, sourcePath: source, imageName: 'one', store });
    const plain = await captureImage({ workers: 1, sourcePath: source, imageName: 'one', store: openMemoryStore() });
    expect(first.rootDigest).toBe(plain.rootDigest);
    expect(await verifyImage({ workers: 1, imageName: 'one', store })).toMatchObject({
      problemCount: 0,
      slots: first.slots,
    });
    await restoreImage({ workers: 1, imageName: 'one', targetPath: target, store });
    execFileSync('e2fsck', ['-fn', target], { stdio: 'ignore' });
    const reader = openImageReader(store, await loadManifest(store, 'one'));
    expect((await mapBytes(reader)).used).toEqual((await mapDisk(source)).used);

    const handle = await fs.open(source, 'r+');
    await handle.write(noise(4096, 'changed'), 0, 4096, 10 * mib);
    await handle.close();
    const second = await captureImage({ workers: 1, sourcePath: source, imageName: 'two', store, parentName: 'one' });
    expect(second.slotsSent).toBeLessThanOrEqual(1);
    const again = await captureImage({ workers: 1, sourcePath: source, imageName: 'three', store });
    expect(again).toMatchObject({ slotsSent: 0, bytesSent: 0, rootDigest: second.rootDigest });
    await store.close();
  });
});

test('what a store without the key holds shows no content, no digest of it, and nothing that another key’s images share', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeSource(directory);
    const roots = ['plain', 'one', 'two'].map((name) => path.join(directory, name)) as [string, string, string];
    const plain = await openDirectoryStore(roots[0], { create: true });
    await captureImage({ workers: 1, sourcePath: source, imageName: 'disk', store: plain });
    for (const root of roots.slice(1)) {
      const store = await encrypted(await openDirectoryStore(root, { create: true }));
      await captureImage({ workers: 1, sourcePath: source, imageName: 'disk', store });
      await store.close();
    }
    const { segments, rootDigest } = await loadManifest(plain, 'disk');
    const digests = [rootDigest, ...(segments as string[])];
    for await (const { digest } of plain.maintenance.listChunks()) digests.push(digest);
    expect(digests.length).toBeGreaterThan(4);
    const [plainFiles, one, two] = (await Promise.all(roots.map(filesIn))) as [Files, Files, Files];
    const found = (files: Files) => {
      const all = Buffer.concat([...files].flatMap(([file, bytes]) => [Buffer.from(file), bytes]));
      const flat = Buffer.from(all.toString('latin1').replaceAll('/', ''), 'latin1');
      const secrets = [Buffer.from('attack'), noise(2 * mib, 'noise').subarray(70_000, 70_016), Buffer.from(source)];
      for (const digest of digests) secrets.push(Buffer.from(digest), Buffer.from(digest, 'hex'));
      return secrets.filter((secret) => flat.includes(secret)).length;
    };
    // The same look at a plain store finds them: the check can fail.
    expect(found(plainFiles)).toBeGreaterThan(digests.length);
    expect([found(one), found(two)]).toEqual([0, 0]);
    const names = (files: Files) =>
      [...files.keys()].filter((file) => file.includes('/chunks/')).map((f) => f.slice(-62));
    expect(names(one).filter((name) => names(two).includes(name))).toEqual([]);
    expect(names(one)).toHaveLength(names(two).length);
  });
});

type Files = Map<string, Buffer>;

test('without a key, or with a wrong one, an image is not read, and the error says which', async () => {
  await withTempDirectory(async (directory) => {
    const memory = openMemoryStore();
    const sourcePath = await makeSource(directory);
    const store = await encrypted(memory);
    await captureImage({ workers: 1, sourcePath, imageName: 'one', store });
    const wrong = openEncryptedStore(memory, { askSecret: async () => otherKey, encrypt: false });
    const guess = openEncryptedStore(memory, {
      askSecret: async () => ({ kind: 'passphrase', text: 'guess' }),
      encrypt: false,
    });
    const outcome = (of: ChunkStore) =>
      verifyImage({ workers: 1, imageName: 'one', store: of }).catch((thrown) => thrown.code);
    expect(await outcome(memory)).toBe('key-needed');
    expect(await outcome(withoutKey(memory))).toBe('key-needed');
    expect(await outcome(wrong)).toBe('key-wrong');
    expect(await outcome(guess)).toBe('key-wrong');
    expect(await outcome(withKey(memory, false))).toMatchObject({ problemCount: 0 });
    expect(await memory.listManifests()).toMatchObject([{ name: 'one', sizeBytes: 6 * mib, keyId: /^[0-9a-f]{32}$/ }]);
    await expect(
      captureImage({ workers: 1, sourcePath, imageName: 'x', store: withKey(openMemoryStore()) }),
    ).rejects.toMatchObject({
      code: 'key-needed',
    });
    await store.close();
  });
});

test('nobody is asked for a key on account of plain images, which stand beside encrypted ones', async () => {
  await withTempDirectory(async (directory) => {
    const memory = openMemoryStore();
    const sourcePath = await makeSource(directory);
    const store = await encrypted(memory);
    await captureImage({ workers: 1, sourcePath, imageName: 'open', store: withoutKey(memory) });
    await captureImage({ workers: 1, sourcePath, imageName: 'sealed', store });
    expect(await verifyImage({ workers: 1, imageName: 'open', store: withoutKey(memory) })).toMatchObject({
      problemCount: 0,
    });
    for (const imageName of ['open', 'sealed']) {
      expect(await verifyImage({ workers: 1, imageName, store })).toMatchObject({ problemCount: 0 });
    }
    await store.close();
  });
});

test('what a restore saves of its target is sealed when the image is, and plain when the image is', async () => {
  await withTempDirectory(async (directory) => {
    const memory = openMemoryStore();
    const sourcePath = await makeSource(directory);
    const store = await encrypted(memory);
    await captureImage({ workers: 1, sourcePath, imageName: 'sealed', store });
    const { chunks, manifest } = tinyImage('saved', chunkOf('of the target'));
    const kept = async (read: boolean) => {
      const restoring = withKey(memory, 'as-read');
      if (read) await loadManifest(restoring, 'sealed');
      await restoring.putChunks(chunks);
      await restoring.putManifest('saved', manifest);
      expect((await restoring.getManifest('saved')).equals(manifest)).toBe(true);
      const entry = (await memory.listManifests()).find(({ name }) => name === 'saved');
      await memory.deleteManifest('saved');
      return {
        sealed: entry?.keyId !== undefined,
        plainChunks: 2 - (await memory.findMissing(chunks.map((c) => c.digest))).length,
      };
    };
    expect(await kept(true)).toEqual({ sealed: true, plainChunks: 0 });
    expect(await kept(false)).toEqual({ sealed: false, plainChunks: 2 });
    await store.close();
  });
});

test('a look for a parent asks nobody for a key, and an encrypted capture finds an encrypted one', async () => {
  await withTempDirectory(async (directory) => {
    const memory = openMemoryStore();
    const store = await encrypted(memory);
    const sourcePath = await makeExtDisk(path.join(directory, 'disk'), 8 * mib, { one: noise(mib, 'one') });
    const sealed = { workers: 1, sourcePath, store };
    await captureImage({ ...sealed, imageName: 'sealed' });
    const asked: string[] = [];
    const askSecret = async (purpose: string) => {
      asked.push(purpose);
      return testKey;
    };
    const plain = openEncryptedStore(memory, { askSecret, encrypt: false });
    await captureImage({ ...sealed, imageName: 'open', store: plain });
    expect([asked, (await loadManifest(plain, 'open')).parent]).toEqual([[], null]);
    await memory.deleteManifest('open');
    await captureImage({ ...sealed, imageName: 'sealed again', store: withKey(memory) });
    expect((await loadManifest(store, 'sealed again')).parent?.name).toBe('sealed');
    await store.close();
  });
});

test('a plain parent of an encrypted capture, and the other way round, spares nothing and breaks nothing', async () => {
  await withTempDirectory(async (directory) => {
    const memory = openMemoryStore();
    const sourcePath = await makeSource(directory);
    const store = await encrypted(memory);
    await captureImage({ workers: 1, sourcePath, imageName: 'open', store: memory });
    const sealed = await captureImage({ workers: 1, sourcePath, imageName: 'sealed', store, parentName: 'open' });
    expect(sealed.slotsSent).toBe(3);
    const other = await makeSource(directory, 'other');
    await captureImage({ workers: 1, sourcePath: other, imageName: 'sealed 2', store });
    const plain = {
      workers: 1,
      sourcePath: other,
      imageName: 'open 2',
      store: withKey(memory, false),
      parentName: 'sealed 2',
    };
    expect((await captureImage(plain)).slotsSent).toBe(2);
    for (const imageName of ['sealed', 'open 2']) {
      expect(await verifyImage({ workers: 1, imageName, store })).toMatchObject({ problemCount: 0 });
    }
    await store.close();
  });
});

test('check and garbage collection without the key keep an encrypted image whole, and free what a deleted one needed', async () => {
  await withTempDirectory(async (directory) => {
    const behind = await openDirectoryStore(path.join(directory, 'store'), { create: true });
    const store = await encrypted(behind);
    for (const name of ['one', 'two']) {
      const sourcePath = await makeSource(directory, name);
      await captureImage({ workers: 1, sourcePath, imageName: name, store });
    }
    await behind.deleteManifest('two');
    const collect = () => collectGarbage(behind, { olderThanMs: -1000, dryRun: false });
    // Of its own: two chunks of noise, the segment and the chunk list; the text is shared with the other image.
    expect(await collect()).toMatchObject({ chunks: 4, kept: 5 });
    expect(await verifyImage({ workers: 1, imageName: 'one', store })).toMatchObject({ problemCount: 0 });
    expect(await checkStore(behind)).toMatchObject({ images: 1, chunks: 5, unreferenced: 0, problems: [] });
    await behind.deleteManifest('one');
    expect(await collect()).toMatchObject({ chunks: 5, kept: 0 });
    expect(await behind.listKeys()).toHaveLength(1);
    await store.close();
  });
});

test('a bit that rots in any file of an encrypted image is found without the key, and names the image', async () => {
  await withTempDirectory(async (directory) => {
    const root = path.join(directory, 'store');
    const behind = await openDirectoryStore(root, { create: true });
    const store = await encrypted(behind);
    await captureImage({ workers: 1, sourcePath: await makeSource(directory), imageName: 'one', store });
    const files = [...(await filesIn(root))].filter(([file]) => /chunks|images/.test(file));
    expect(files).toHaveLength(6);
    const rot = async (kind: string) => {
      for (const [file, bytes] of files.filter(([name]) => name.includes(kind))) {
        const rotten = Buffer.from(bytes);
        const at = Math.floor(rotten.length * 0.7);
        rotten[at] = (rotten[at] as number) ^ 4;
        await fs.writeFile(file, rotten);
      }
      const { problems } = await checkStore(behind);
      const codes = await verifyImage({ imageName: 'one', store, workers: 1 }).then(
        (result) => result.problems.map(({ code }) => code),
        (thrown) => [thrown.code],
      );
      for (const [file, bytes] of files) await fs.writeFile(file, bytes);
      const images = new Set(problems.flatMap(({ uses }) => uses.map(({ image }) => image)));
      return { messages: problems.map(({ message }) => message).join('\n'), images: [...images], codes };
    };
    const chunks = await rot('/chunks/');
    for (const [file] of files) {
      if (file.includes('/chunks/')) expect(chunks.messages).toContain(file.slice(-65).replace('/', ''));
    }
    expect(chunks.images).toEqual(['one']);
    expect(chunks.codes).toContain('chunk-corrupt');
    const image = await rot('/images/');
    expect(image.messages).toMatch(/the manifest is damaged/);
    expect(image.codes).toEqual(['manifest-corrupt']);
    expect(await checkStore(behind)).toMatchObject({ problems: [] });
    await store.close();
  });
});

/** Changes a sealed chunk as somebody would who knows the format and not the key. */
async function forge(file: string): Promise<void> {
  const body = (await fs.readFile(file)).subarray(0, -32);
  body[100] = (body[100] as number) ^ 1;
  await fs.writeFile(file, Buffer.concat([body, Buffer.from(digestOf(body), 'hex')]));
}

test('what somebody changed on purpose, checksum and all, is found by a check with the key, and mended by another capture', async () => {
  await withTempDirectory(async (directory) => {
    const root = path.join(directory, 'store');
    const behind = await openDirectoryStore(root, { create: true });
    const store = await encrypted(behind);
    const sourcePath = await makeSource(directory);
    await captureImage({ workers: 1, sourcePath, imageName: 'one', store });
    const { keys } = await unlockDataKey(behind, testKey);
    expect(await checkStore(behind, { keys, workers: 1 })).toMatchObject({ problemCount: 0, checkedChunks: 5 });
    const sealed = [...(await filesIn(root))].find(([, bytes]) => isSealed(bytes)) as [string, Buffer];
    await forge(sealed[0]);
    expect(await checkStore(behind, { workers: 1 })).toMatchObject({ problemCount: 0 });
    const found = await checkStore(behind, { keys, workers: 1 });
    expect(found).toMatchObject({ problemCount: 1, problems: [{ code: 'chunk-corrupt', uses: [{ image: 'one' }] }] });
    const repaired = await checkStore(behind, { keys, workers: 1, repair: true });
    expect(repaired.problems).toMatchObject([{ setAside: true }]);
    await captureImage({ workers: 1, sourcePath, imageName: 'two', store });
    expect(await checkStore(behind, { keys, workers: 1 })).toMatchObject({ problems: [], wholeAgain: ['one', 'two'] });
    await store.close();
  });
});

test('a check with the key finds the same through a server, which is not given it', async () => {
  await withTempDirectory(async (directory) => {
    const root = path.join(directory, 'store');
    const behind = await openDirectoryStore(root, { create: true });
    const store = await encrypted(behind);
    for (const name of ['one', 'two']) {
      await captureImage({ workers: 1, sourcePath: await makeSource(directory, name), imageName: name, store });
    }
    await captureImage({ workers: 1, sourcePath: await makeSource(directory), imageName: 'plain', store: behind });
    const { keys } = await unlockDataKey(behind, testKey);
    const server = await startTestServer(root);
    const { url, caFingerprint, operatorToken } = server.running;
    const { ca } = await fetchPinnedCa(url, caFingerprint);
    const remote = await openHttpStore({ url, ca, headers: { authorization: `Bearer ${operatorToken}` } });
    try {
      const expectSame = async (options: Pick<CheckStoreOptions, 'part'> = {}) => {
        const here = await checkStore(behind, { keys, workers: 1, ...options });
        const there = await checkStore(remote, { keys, workers: 1, ...options });
        const sorted = ({ problems, damagedImages, ...rest }: CheckStoreResult) => ({
          ...rest,
          damagedImages: damagedImages.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
          problems: problems.toSorted((a, b) => (`${a.digest}` < `${b.digest}` ? -1 : 1)),
        });
        expect(sorted(there)).toEqual(sorted(here));
        return there;
      };
      expect(await expectSame()).toMatchObject({ problems: [], images: 3 });
      const [forged, rotten] = [...(await filesIn(root))].filter(([, bytes]) => isSealed(bytes)).map(([file]) => file);
      await forge(forged as string);
      await fs.truncate(rotten as string, 1000);
      expect(await expectSame()).toMatchObject({ problemCount: 2 });
      expect(await checkStore(remote)).toMatchObject({ problemCount: 1 });
      const digest = (forged as string).slice(-65).replace('/', '');
      const from = Number.parseInt(digest.slice(0, 8), 16) / 2 ** 32;
      expect(await expectSame({ part: { from, to: from + 1e-9 } })).toMatchObject({ problems: [{ digest }] });

      const image = [...(await filesIn(path.join(root, 'images')))].find(([, bytes]) => bytes.includes('"two"'));
      const { manifestDigest: _, ...manifest } = JSON.parse(`${image?.[1]}`);
      await fs.writeFile(image?.[0] as string, signJson({ ...manifest, createdAt: '2020-01-01T00:00:00.000Z' }));
      const { problems } = await checkStore(remote, { keys, workers: 1 });
      expect(problems.filter((problem) => problem.digest === null)).toMatchObject([
        { code: 'manifest-corrupt', message: expect.stringContaining("reading 'two'") },
      ]);
      const liar = {
        listManifests: async () => (await remote.listManifests()).map(({ keyId: _, ...entry }) => entry),
        getManifest: (name: string) => remote.getManifest(name),
        getChunk: (digest: string) => remote.getChunk(digest),
      };
      const nothing = await checkStore(openMemoryStore());
      expect(await checkSealed(liar, { keys, workers: 1 }, nothing)).toMatchObject({ problemCount: 2 });
    } finally {
      await Promise.all([remote.close(), store.close()]);
      await server.close();
    }
  });
});

test('a rotation changes no chunk and no image: the old key opens nothing, the new one everything', async () => {
  await withTempDirectory(async (directory) => {
    const root = path.join(directory, 'store');
    const behind = await openDirectoryStore(root, { create: true });
    const { key } = await addKey(behind, { secret: testKey, label: 'old', current: async () => testKey });
    const store = withKey(behind);
    await captureImage({ workers: 1, sourcePath: await makeSource(directory), imageName: 'one', store });
    const kept = async () => [...(await filesIn(root))].filter(([file]) => !file.includes('/keys/'));
    const before = (await kept()).map(([file, bytes]) => [file, digestOf(bytes)]);
    await rotateKey(behind, key.id, { secret: otherKey, label: 'new', current: async () => testKey });
    expect((await kept()).map(([file, bytes]) => [file, digestOf(bytes)])).toEqual(before);
    const open = (secret: typeof testKey) =>
      loadManifest(openEncryptedStore(behind, { askSecret: async () => secret, encrypt: false }), 'one');
    await expect(open(testKey)).rejects.toMatchObject({ code: 'key-wrong' });
    expect(await open(otherKey)).toMatchObject({ name: 'one' });
    await store.close();
  });
});

test('a store that gives one encrypted image for another, or loses its keys, is found out', async () => {
  await withTempDirectory(async (directory) => {
    const root = path.join(directory, 'store');
    const behind = await openDirectoryStore(root, { create: true });
    const store = await encrypted(behind);
    for (const name of ['one', 'two']) {
      await captureImage({ workers: 1, sourcePath: await makeSource(directory, name), imageName: name, store });
    }
    const images = path.join(root, 'images');
    const [first, second] = (await fs.readdir(images)) as [string, string];
    await fs.copyFile(path.join(images, first), path.join(images, second));
    const outcomes = await Promise.allSettled(['one', 'two'].map((name) => loadManifest(withKey(behind, false), name)));
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    await fs.rm(path.join(root, 'keys'), { recursive: true });
    const left = (await behind.listManifests())[0]?.name as string;
    await expect(loadManifest(withKey(behind, false), left)).rejects.toMatchObject({ code: 'key-needed' });
    await store.close();
  });
});
