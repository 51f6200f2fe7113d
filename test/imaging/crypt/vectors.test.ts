// The committed vectors of docs/format.md, "Encryption": what is sealed today is opened forever.
import { createCipheriv, createHmac, hkdfSync } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../../imaging/chunk/digest.ts';
import { encodeChunkList, readChunkList } from '../../../imaging/crypt/chunk-list.ts';
import { dataKeyFrom } from '../../../imaging/crypt/data-key.ts';
import { formatKeyFile, parseKeyFile } from '../../../imaging/crypt/key-file.ts';
import { parseKeyObject } from '../../../imaging/crypt/key-object.ts';
import { openChunk, sealChunk } from '../../../imaging/crypt/sealed-chunk.ts';
import { openManifest, parseStoredManifest } from '../../../imaging/crypt/sealed-manifest.ts';
import { unwrapKey } from '../../../imaging/crypt/wrap-key.ts';

type Chunk = { digest: string; storedHex: string; tokenHex: string; storeName: string; sealedHex: string };
type Vectors = {
  dataKeyHex: string;
  derived: { id: string; namingHex: string; sealingHex: string; noncesHex: string };
  chunks: (Chunk & { name: string })[];
  chunkList: { names: string[]; hex: string };
  manifest: { text: string };
  keyFile: { secretHex: string; text: string };
  keys: { file: string; passphrase: string; byPassphrase: string };
};

const folder = path.join(import.meta.dirname, '../../fixtures/format');
const vectors = JSON.parse(fs.readFileSync(path.join(folder, 'encryption.json'), 'utf8')) as Vectors;
const plain = JSON.parse(fs.readFileSync(path.join(folder, 'vectors.json'), 'utf8')) as { manifest: { text: string } };
const unhex = (text: string) => Buffer.from(text, 'hex');
const { keys } = dataKeyFrom(unhex(vectors.dataKeyHex));

test('the keys of single purposes come out of the data key as the page says', () => {
  const derive = (purpose: string, length: number) =>
    Buffer.from(hkdfSync('sha256', unhex(vectors.dataKeyHex), '', `deploy-os 1 ${purpose}`, length)).toString('hex');
  expect(vectors.derived).toEqual({
    id: derive('data key id', 16),
    namingHex: derive('naming', 32),
    sealingHex: derive('sealing', 32),
    noncesHex: derive('nonces', 32),
  });
  expect(keys.id).toBe(vectors.derived.id);
});

test.each(vectors.chunks)('the chunk $name seals to the committed bytes and opens again', (chunk) => {
  const sealed = unhex(chunk.sealedHex);
  expect(Buffer.from(sealChunk(keys, chunk.digest, unhex(chunk.storedHex))).toString('hex')).toBe(chunk.sealedHex);
  expect(Buffer.from(openChunk(keys, chunk.storeName, sealed)).toString('hex')).toBe(chunk.storedHex);
});

test.each(vectors.chunks)('the sealed chunk $name is what the page says, put together by hand', (chunk) => {
  const mac = (key: string, ...parts: Buffer[]) =>
    createHmac('sha256', unhex(key)).update(Buffer.concat(parts)).digest();
  const stored = unhex(chunk.storedHex);
  const token = mac(vectors.derived.namingHex, unhex(chunk.digest));
  const head = Buffer.concat([Buffer.from('DOSE\x01\0\0\0'), unhex(vectors.derived.id), token]);
  const nonce = mac(vectors.derived.noncesHex, token, unhex(digestOf(stored))).subarray(0, 12);
  const cipher = createCipheriv('aes-256-gcm', mac(vectors.derived.sealingHex, token), nonce).setAAD(head);
  const sealed = unhex(chunk.sealedHex);
  const plaintext = Buffer.alloc(sealed.length - 116);
  stored.copy(plaintext);
  plaintext.writeUInt32LE(stored.length, plaintext.length - 4);
  const body = Buffer.concat([head, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  expect(sealed.equals(Buffer.concat([body, unhex(digestOf(body))]))).toBe(true);
  expect(chunk.storeName).toBe(digestOf(Buffer.concat([Buffer.from('deploy-os sealed chunk 1\n'), token])));
});

test('the chunk list encodes to the committed bytes, and the manifest opens to the plain one', () => {
  expect([...readChunkList(unhex(vectors.chunkList.hex))]).toEqual(vectors.chunkList.names);
  expect(encodeChunkList(new Set(vectors.chunkList.names)).toString('hex')).toBe(vectors.chunkList.hex);
  const sealed = Buffer.from(vectors.manifest.text);
  expect(parseStoredManifest(sealed)).toMatchObject({ chunkLists: [digestOf(unhex(vectors.chunkList.hex))] });
  expect(openManifest(keys, sealed).toString()).toBe(plain.manifest.text);
});

test('the key file and both wrapped keys open', async () => {
  const secret = parseKeyFile(vectors.keyFile.text);
  expect(formatKeyFile(unhex(vectors.keyFile.secretHex))).toBe(vectors.keyFile.text);
  const byFile = await unwrapKey(parseKeyObject(Buffer.from(vectors.keys.file)), secret);
  const passphrase = { kind: 'passphrase', text: vectors.keys.passphrase } as const;
  const byPassphrase = await unwrapKey(parseKeyObject(Buffer.from(vectors.keys.byPassphrase)), passphrase);
  for (const opened of [byFile, byPassphrase]) expect(opened?.secret.toString('hex')).toBe(vectors.dataKeyHex);
});
