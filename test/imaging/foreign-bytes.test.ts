// Everything else that is read from outside: manifests, segments, stored chunks, batches, messages and a server's answers, with bytes changed.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../imaging/chunk/digest.ts';
import { decodeChunk, encodeChunk } from '../../imaging/chunk/stored-chunk.ts';
import { canonicalJson, type Json } from '../../imaging/manifest/canonical-json.ts';
import { parseManifest } from '../../imaging/manifest/manifest.ts';
import { encodeSegment, readSlots } from '../../imaging/manifest/segment.ts';
import { decodeChunkBatch, encodeChunkBatch } from '../../imaging/store/chunk-batch.ts';
import { openHttpStore } from '../../imaging/store/http-store.ts';
import { agentMessageSchema, serverMessageSchema } from '../../protocol/agent-messages.ts';
import { DeployError } from '../../protocol/errors.ts';
import { chunkOf, tinyImage } from '../conformance/store-conformance.ts';
import { changedFrom } from '../fixtures/changed-from.ts';
import { noise } from '../fixtures/disks.ts';
import { startHostileServer } from './store/test-server.ts';

/** What `parse` answers, or the code of what it throws, which must be an error of ours. */
function outcomeOf<T>(parse: () => T): { readonly value: T } | { readonly code: string } {
  try {
    return { value: parse() };
  } catch (thrown) {
    if (thrown instanceof DeployError) return { code: thrown.code };
    throw thrown;
  }
}

describe('changed bytes are refused by name, or change nothing:', () => {
  test('a manifest', () => {
    const { manifest } = tinyImage('one', chunkOf('content'));
    const bytes = Buffer.from(manifest);
    const before = parseManifest(bytes);
    fc.assert(
      fc.property(changedFrom(bytes), (changed) => {
        const outcome = outcomeOf(() => parseManifest(changed));
        if ('value' in outcome) expect(outcome.value).toEqual(before);
        else expect(outcome.code).toMatch(/^manifest-(corrupt|version)$/);
      }),
      { numRuns: 2000 },
    );
  });

  test('a manifest whose digest is right again', () => {
    const { manifest } = tinyImage('one', chunkOf('content'));
    const raw = JSON.parse(Buffer.from(manifest).toString()) as { [key: string]: Json };
    const { manifestDigest: _, ...signed } = raw;
    const change = fc.tuple(fc.constantFrom(...Object.keys(signed)), fc.jsonValue());
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const changed = { ...signed, ...(Object.fromEntries(changes) as { [key: string]: Json }) };
        const manifestDigest = digestOf(Buffer.from(canonicalJson(changed)));
        const bytes = Buffer.from(canonicalJson({ ...changed, manifestDigest }));
        const outcome = outcomeOf(() => parseManifest(bytes));
        if ('code' in outcome) expect(outcome.code).toMatch(/^manifest-(corrupt|version)$/);
      }),
      {
        numRuns: 1000,
        examples: ['format', 'version'].map((key) => [[[key, { toString: 0 }]]] as [[string, { toString: number }][]]),
      },
    );
  });

  test('a stored chunk, raw and compressed', () => {
    for (const bytes of [noise(9000, 'raw'), Buffer.alloc(9000, 'text ')]) {
      const digest = digestOf(bytes);
      fc.assert(
        fc.property(changedFrom(Buffer.from(encodeChunk(bytes))), (changed) => {
          const outcome = outcomeOf(() => Buffer.from(decodeChunk(digest, changed)).equals(bytes));
          expect(outcome).toEqual('value' in outcome ? { value: true } : { code: 'chunk-corrupt' });
        }),
        { numRuns: 1000 },
      );
    }
  });

  test('a batch of chunks', () => {
    const chunks = [1, 100, 5000].map((length) => {
      const bytes = noise(length, 'batch');
      return { digest: digestOf(bytes), stored: encodeChunk(bytes) };
    });
    fc.assert(
      fc.property(changedFrom(Buffer.concat(encodeChunkBatch(chunks))), (changed) => {
        const outcome = outcomeOf(() => decodeChunkBatch(changed));
        if ('code' in outcome) expect(outcome.code).toBe('invalid-input');
        else expect(outcome.value.reduce((sum, { stored }) => sum + 36 + stored.length, 0)).toBe(changed.length);
      }),
      { numRuns: 2000 },
    );
  });
});

test('the slots of a changed segment stay in order and inside, or it is manifest-corrupt', () => {
  const chunkSizeBytes = 65536;
  const lengthBytes = 40 * chunkSizeBytes;
  const slots = [0, 1, 5, 6, 30, 39].map((index) => ({
    index,
    digest: index === 5 ? null : 'ab'.repeat(32),
    used: [
      { startBytes: 512 * index, lengthBytes: 1024 },
      { startBytes: 32768, lengthBytes: 512 * (index + 1) },
    ],
  }));
  fc.assert(
    fc.property(changedFrom(encodeSegment({ lengthBytes, chunkSizeBytes, slots })), (changed) => {
      const outcome = outcomeOf(() => [...readSlots(changed, { lengthBytes, chunkSizeBytes })]);
      if ('code' in outcome) {
        expect(outcome.code).toBe('manifest-corrupt');
        return;
      }
      let [slotBefore, end] = [-1, 0];
      for (const { index, used, digest } of outcome.value) {
        expect(index).toBeGreaterThan(slotBefore);
        expect(digest === null || /^[0-9a-f]{64}$/.test(digest)).toBe(true);
        slotBefore = index;
        for (const extent of used) {
          const at = index * chunkSizeBytes + extent.startBytes;
          expect(at).toBeGreaterThanOrEqual(end);
          expect(extent.startBytes + extent.lengthBytes).toBeLessThanOrEqual(chunkSizeBytes);
          end = at + extent.lengthBytes;
        }
      }
      expect(end).toBeLessThanOrEqual(lengthBytes);
    }),
    { numRuns: 3000 },
  );
});

test('canonical JSON is one string for one value, whatever the order of its keys', () => {
  const shuffled = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(shuffled);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, inner]) => [key, shuffled(inner as Json)]),
    );
  };
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value as Json);
      expect(canonicalJson(shuffled(value as Json))).toBe(text);
      expect(canonicalJson(JSON.parse(text) as Json)).toBe(text);
    }),
  );
});

test('messages of any shape are told apart without a throw', () => {
  const kinds = ['register', 'welcome', 'job', 'progress', 'result', 'lease', 'log', 'step'];
  const shape = fc.oneof(
    fc.jsonValue(),
    fc.record({ type: fc.constantFrom(...kinds), job: fc.jsonValue(), steps: fc.jsonValue() }),
  );
  fc.assert(
    fc.property(shape, (message) => {
      for (const schema of [agentMessageSchema, serverMessageSchema])
        expect(schema.safeParse(message)).toHaveProperty('success');
    }),
    { numRuns: 1000 },
  );
});

test('answers of any status, length and content end in a result or an error of ours', async () => {
  let next: { status: number; headers: Record<string, string>; body: Uint8Array } = {
    status: 200,
    headers: {},
    body: Buffer.alloc(0),
  };
  const server = await startHostileServer((request, response) => {
    request.resume();
    response.on('error', () => {});
    response.writeHead(next.status, next.headers);
    // A server that announces more than it has and then waits is the business of the idle timeout.
    response.end(next.body, () => request.socket.destroySoon());
  });
  const store = await openHttpStore({ url: server.url, ca: server.ca, headers: {}, retryForMs: 0 });
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 2000 }),
    fc.json().map((text) => Buffer.from(text)),
    fc.jsonValue().map((error) => Buffer.from(JSON.stringify({ error }))),
    fc.jsonValue().map((missing) => Buffer.from(JSON.stringify({ missing }))),
  );
  const answer = fc.record({
    status: fc.constantFrom(200, 201, 204, 206, 301, 400, 401, 404, 409, 413, 418, 500, 502, 503, 507, 599),
    headers: fc.constantFrom(
      {},
      { 'content-type': 'application/json' },
      { 'content-encoding': 'gzip' },
      { 'content-length': '99999999999' },
      { 'content-length': '3' },
    ),
    body,
  });
  const digest = 'ab'.repeat(32);
  const calls = [
    () => store.findMissing([digest]),
    () => store.getChunk(digest),
    () => store.listManifests(),
    () => store.getManifest('one'),
    () => store.stats(),
    () => store.flush(),
  ];
  try {
    await fc.assert(
      fc.asyncProperty(answer, fc.constantFrom(...calls), async (given, call) => {
        // Node's server would not send a body of another length than it announced: such an answer breaks off.
        next = given;
        const thrown = await call().then(
          () => null,
          (error: unknown) => error,
        );
        if (thrown !== null) expect(thrown).toBeInstanceOf(DeployError);
      }),
      { numRuns: 100 },
    );
  } finally {
    await store.close();
    await server.close();
  }
});
