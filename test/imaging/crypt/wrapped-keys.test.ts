import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestOf } from '../../../imaging/chunk/digest.ts';
import { makeDataKey } from '../../../imaging/crypt/data-key.ts';
import { parseKeyObject } from '../../../imaging/crypt/key-object.ts';
import { addKey, removeKey, rotateKey } from '../../../imaging/crypt/manage-keys.ts';
import { fileSecret, type KeySecret } from '../../../imaging/crypt/secret.ts';
import { unlockDataKey } from '../../../imaging/crypt/unlock.ts';
import { unwrapKey, wrapKey } from '../../../imaging/crypt/wrap-key.ts';
import { canonicalJson, type Json } from '../../../imaging/manifest/canonical-json.ts';
import { openMemoryStore } from '../../../imaging/store/memory-store.ts';

const file = fileSecret(Buffer.alloc(32, 'file'));
const otherFile = fileSecret(Buffer.alloc(32, 'other'));
const passphrase: KeySecret = { kind: 'passphrase', text: 'Äpfel und Birnen' };
const nobody = async (): Promise<KeySecret> => {
  throw new Error('asked for a key that is not needed');
};

/** The same object with other values, under a digest that fits: what a hostile store can make. */
function forge(bytes: Buffer, changes: { [key: string]: Json }): Buffer {
  const { digest, ...rest } = { ...(JSON.parse(bytes.toString()) as { [key: string]: Json }), ...changes };
  return Buffer.from(canonicalJson({ ...rest, digest: digestOf(Buffer.from(canonicalJson(rest))) }));
}

test('what a secret locked it unlocks, and no other does', async () => {
  const dataKey = makeDataKey();
  for (const secret of [file, passphrase]) {
    const object = parseKeyObject((await wrapKey(dataKey, secret, 'x')).bytes);
    expect((await unwrapKey(object, secret))?.secret).toEqual(dataKey.secret);
    expect(await unwrapKey(object, otherFile)).toBeNull();
    expect(await unwrapKey(object, { kind: 'passphrase', text: 'wrong' })).toBeNull();
  }
});

test('a passphrase is the same whichever way its accents are typed', async () => {
  const object = parseKeyObject((await wrapKey(makeDataKey(), passphrase, 'x')).bytes);
  expect(await unwrapKey(object, { kind: 'passphrase', text: passphrase.text.normalize('NFD') })).not.toBeNull();
});

test('the data key is nowhere in what a store keeps', async () => {
  const dataKey = makeDataKey();
  const { bytes } = await wrapKey(dataKey, file, 'x');
  for (const encoding of ['hex', 'base64'] as const)
    expect(bytes.includes(dataKey.secret.toString(encoding))).toBe(false);
  expect(Buffer.from(parseKeyObject(bytes).wrapped, 'base64').includes(dataKey.secret)).toBe(false);
});

test('anything changed in a wrapped key, with its digest made to fit, keeps it shut', async () => {
  const { bytes } = await wrapKey(makeDataKey(), file, 'label');
  const { wrapped } = parseKeyObject(bytes);
  const flipped = Buffer.from(wrapped, 'base64');
  flipped[20] = (flipped[20] as number) ^ 1;
  const changes = [
    { label: 'another' },
    { createdAt: '2020-01-01T00:00:00.000Z' },
    { dataKeyId: '0'.repeat(32) },
    { id: '0'.repeat(32) },
    { wrapped: flipped.toString('base64') },
  ];
  for (const change of changes) expect(await unwrapKey(parseKeyObject(forge(bytes, change)), file)).toBeNull();
});

test('derivations that would fill the memory, never end, or be too weak are refused before they begin', async () => {
  const { bytes } = await wrapKey(makeDataKey(), passphrase, 'x');
  const { lock } = parseKeyObject(bytes);
  const hostile = [
    { memoryKiB: 2 ** 31 },
    { memoryKiB: 8 },
    { passes: 1e9 },
    { passes: 1 },
    { lanes: 0 },
    { salt: '' },
  ];
  for (const change of [...hostile, { kdf: 'md5' }, { memoryKiB: -1 }, { lanes: 0.5 }]) {
    const forged = forge(bytes, { lock: { ...lock, ...change } as Json });
    expect(() => parseKeyObject(forged)).toThrow(expect.objectContaining({ code: 'key-corrupt' }));
  }
});

test('a wrapped key that is cut or has a byte changed is key-corrupt', async () => {
  const { bytes } = await wrapKey(makeDataKey(), file, 'x');
  for (let length = 0; length < bytes.length - 1; length += 7) {
    expect(() => parseKeyObject(bytes.subarray(0, length))).toThrow(expect.objectContaining({ code: 'key-corrupt' }));
  }
  fc.assert(
    fc.property(fc.nat(bytes.length - 2), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ change;
      expect(() => parseKeyObject(damaged)).toThrow(expect.objectContaining({ code: 'key-corrupt' }));
    }),
  );
  expect(() => parseKeyObject(Buffer.alloc(1_000_000, ' '))).toThrow(/1000000 bytes long/);
});

test('the first key makes the data key; each further one opens the same, and needs one that opens it', async () => {
  const store = openMemoryStore();
  await expect(unlockDataKey(store, file)).rejects.toMatchObject({ code: 'key-needed' });
  const first = await addKey(store, { secret: file, label: 'safe', current: nobody });
  const second = await addKey(store, { secret: passphrase, label: 'desk', current: async () => file });
  expect([first.first, second.first]).toEqual([true, false]);
  const { secret } = await unlockDataKey(store, file);
  expect((await unlockDataKey(store, passphrase)).secret).toEqual(secret);
  await expect(unlockDataKey(store, otherFile)).rejects.toMatchObject({ code: 'key-wrong' });
  const intruder = { secret: otherFile, label: 'x', current: async () => otherFile };
  await expect(addKey(store, intruder)).rejects.toMatchObject({ code: 'key-wrong' });
});

test('after a rotation the old passphrase opens nothing and the new one the same data key', async () => {
  const store = openMemoryStore();
  const { key } = await addKey(store, { secret: passphrase, label: 'desk', current: nobody });
  const { secret } = await unlockDataKey(store, passphrase);
  const renewed: KeySecret = { kind: 'passphrase', text: 'another passphrase' };
  await rotateKey(store, key.id, { secret: renewed, label: 'desk', current: async () => passphrase });
  await expect(unlockDataKey(store, passphrase)).rejects.toMatchObject({ code: 'key-wrong' });
  expect((await unlockDataKey(store, renewed)).secret).toEqual(secret);
  expect(await store.listKeys()).toHaveLength(1);
});

test('the last key of a data key is not removed, others are', async () => {
  const store = openMemoryStore();
  const { key } = await addKey(store, { secret: file, label: 'a', current: nobody });
  // Of two that were made in one millisecond either may count as the oldest.
  await sleep(2);
  const foreign = await wrapKey(makeDataKey(), file, 'of another data key');
  await store.putKey(foreign.id, foreign.bytes);
  await expect(removeKey(store, key.id)).rejects.toMatchObject({ code: 'key-last' });
  await addKey(store, { secret: otherFile, label: 'b', current: async () => file });
  await removeKey(store, key.id);
  await expect(removeKey(store, key.id)).rejects.toMatchObject({ code: 'key-not-found' });
  expect(await store.listKeys()).toHaveLength(2);
});
