// Images are read by the server in the background: one at a time, whichever server does it; what was found stays with the image.
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { parseStoredManifest, type SealedManifest } from '../../imaging/crypt/sealed-manifest.ts';
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { listParts } from '../../imaging/store/image-parts.ts';
import { type ImageCheck, imageCheckSchema } from '../../protocol/image-check.ts';
import { imageEntrySchema } from '../../protocol/rest.ts';
import type { Context } from '../../server/context.ts';
import type { Database } from '../../server/database/schema.ts';
import { listImageChecks, requestImageCheck } from '../../server/image-checks/image-checks.ts';
import { forgetOldChecks, requestDueImage, writeVerification } from '../../server/image-checks/verification.ts';
import { watchImageChecks } from '../../server/image-checks/watch-image-checks.ts';
import { Metrics } from '../../server/metrics/metrics.ts';
import { newDatabase, openByText } from '../fixtures/databases.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { encrypted } from '../fixtures/encrypted-stores.ts';
import { storeThatHangs } from '../fixtures/fault-store.ts';
import { makeImage } from '../fixtures/made-image.ts';
import { errorCode, eventually, TestServer, uuidA } from './support.ts';
import { damageChunk, withImages } from './with-images.ts';

const verify = { image: 'one', kind: 'verify', boot: false } as const;
const dayMs = 24 * 60 * 60 * 1000;

async function ended(server: TestServer, id: string): Promise<ImageCheck> {
  return eventually(async () => {
    const check = imageCheckSchema.parse(await server.api('GET', `/v1/image-checks/${id}`));
    return check.endedAt !== null && check;
  }, 20_000);
}

async function check(server: TestServer, image = 'one'): Promise<ImageCheck> {
  const { id } = await server.api<ImageCheck>('POST', '/v1/image-checks', { image, kind: 'verify' });
  return ended(server, id);
}

const healthOf = async (server: TestServer, image: string) =>
  imageEntrySchema
    .array()
    .parse(await server.api('GET', '/v1/images'))
    .find(({ name }) => name === image)?.health;

describe('an image that is verified by the server', () => {
  it('is whole, or has its damaged places named, and is not restored unless somebody insists', async () => {
    await withImages(async (_, here, server) => {
      expect(await healthOf(server, 'one')).toEqual({ verify: null, prove: null, active: [] });
      const whole = await check(server);
      expect(whole).toMatchObject({ state: 'passed', requestedBy: 'operator token', error: null });
      expect(whole.found).toMatchObject({ usedBytes: 3 * 2 ** 20, problemCount: 0 });
      expect(whole.found?.bytesRead).toBeGreaterThan(3 * 2 ** 20);
      const mend = await damageChunk(here);
      const damaged = await check(server);
      expect(damaged).toMatchObject({ state: 'failed', error: { code: 'chunk-corrupt' }, found: { problemCount: 1 } });
      expect(damaged.found?.problems).toMatchObject([{ code: 'chunk-corrupt', offsetBytes: 0, lengthBytes: 2 ** 20 }]);
      expect(await healthOf(server, 'one')).toMatchObject({
        verify: { outcome: 'failed', code: 'chunk-corrupt', checkId: damaged.id },
      });
      expect(await server.api('GET', '/v1/images/one')).toMatchObject({ health: { verify: { outcome: 'failed' } } });
      const metrics = (await server.tls('/metrics', { headers: server.operator })).body.toString();
      expect(metrics).toMatch(/^deploy_os_images_damaged 1$/m);
      expect(metrics).toMatch(/^deploy_os_image_checks_total\{kind="verify",outcome="failed"\} 1$/m);
      const { entries } = await server.api<{ entries: object[] }>('GET', '/v1/audit');
      expect(entries).toContainEqual(
        expect.objectContaining({ action: 'verify image', who: 'operator token', outcome: 'chunk-corrupt' }),
      );

      await server.bootToken(uuidA);
      const [machine] = await server.machines();
      const steps = [{ kind: 'restore', image: 'one', target: { by: 'only' } }];
      await server.api('POST', '/v1/scenarios', { name: 'back', steps });
      const asked = { scenario: 'back', machine: machine?.id };
      const refused = await server.tls('/v1/jobs', {
        ...{ method: 'POST', headers: { ...server.operator, 'content-type': 'application/json' } },
        body: JSON.stringify(asked),
      });
      expect([refused.status, errorCode(refused)]).toEqual([409, 'image-damaged']);
      const plan = (useDamaged: boolean) =>
        server.api('POST', '/v1/plans', { scenario: 'back', machines: [machine?.id], useDamaged });
      expect(await plan(false)).toMatchObject({
        machines: [{ refused: true, steps: [{ refusals: [{ code: 'image-damaged' }] }] }],
      });
      expect(await plan(true)).toMatchObject({
        machines: [{ refused: false, steps: [{ warnings: [{ code: 'image-damaged' }], image: { name: 'one' } }] }],
      });
      const { id } = await server.api<{ id: string }>('POST', '/v1/jobs', { ...asked, useDamaged: true });
      await server.api('POST', `/v1/jobs/${id}/cancel`, {});
      await expect(server.api('POST', `/v1/jobs/${id}/retry`, {})).rejects.toThrow('image-damaged');
      expect(await server.api('POST', `/v1/jobs/${id}/retry`, { useDamaged: true })).toMatchObject({ retryOf: id });

      await mend();
      expect(await check(server)).toMatchObject({ state: 'passed' });
      await server.api('POST', '/v1/jobs', asked);
      expect(await server.api('GET', '/v1/image-checks?image=one')).toMatchObject([
        { state: 'passed' },
        { state: 'failed' },
        { state: 'passed' },
      ]);
      await server.api('DELETE', '/v1/images/one');
      expect(await server.api('GET', '/v1/image-checks?image=one')).toEqual([]);
    });
  }, 90_000);

  it('is there, and is asked for what there is to ask', async () => {
    await using server = await TestServer.start();
    const ask = (body: object) => server.api('POST', '/v1/image-checks', body);
    await expect(ask({ image: 'none', kind: 'verify' })).rejects.toThrow('image-not-found');
    await server.addImage('plain');
    await expect(ask({ image: 'plain', kind: 'verify', boot: true })).rejects.toThrow('only a proof');
    await expect(server.api('GET', '/v1/image-checks/none')).rejects.toThrow('image-check-not-found');
  });
});

type Place = { readonly db: Database; readonly store: ChunkStore; readonly text: string };

/** A database and a store with one image, without a server. */
async function withPlace(work: (place: Place) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'deploy-os-image-checks-'));
  const text = await newDatabase(folder);
  const db = await openByText(text);
  const store = await openDirectoryStore(path.join(folder, 'store'), { create: true });
  try {
    const content = [{ offsetBytes: 0, bytes: noise(2 ** 20, 'one') }];
    const sourcePath = await makeRawDisk(path.join(folder, 'disk'), 2 ** 20, content);
    await captureImage({ sourcePath, imageName: 'one', store, workers: 1 });
    await work({ db, store, text });
  } finally {
    await Promise.all([db.destroy(), store.close()]);
    await rm(folder, { recursive: true });
  }
}

/** What a server's watch works with; `kind` is that of its database. */
function contextOf({ db, store }: Place, serverId: string, kind: 'sqlite' | 'postgres' = 'postgres'): Context {
  const { log } = Fastify();
  const config = { database: { kind } };
  return { db, store, serverId, config, metrics: new Metrics(), log } as unknown as Context;
}

const statesOf = async (db: Database) => (await listImageChecks(db, { limit: 100 })).map(({ state }) => state);

it('an encrypted image is verified without its key: damaged and missing sealed chunks are named, and nothing is said of what is in them', async () => {
  await withImages(async (_, here, server) => {
    const keyed = await encrypted(here);
    const disk = await makeRawDisk(path.join(server.dataDir, 'secret disk'), 2 * 2 ** 20, [
      { offsetBytes: 0, bytes: noise(2 * 2 ** 20, 'secret') },
    ]);
    await captureImage({ sourcePath: disk, imageName: 'secret', store: keyed, workers: 1 });
    const sealed = parseStoredManifest(await here.getManifest('secret')) as SealedManifest;
    const names = await Promise.all(listParts(sealed).map(async ({ chunks }) => [...(await chunks(here))]));
    // The segment, and the two chunks of the disk.
    const [first = '', second = '', third = ''] = names.flat().map(({ digest }) => digest);
    const whole = await check(server, 'secret');
    expect(whole).toMatchObject({ state: 'passed', found: { sealed: true, usedBytes: null, problemCount: 0 } });
    expect(whole.found?.bytesRead).toBeGreaterThan(2 * 2 ** 20);
    // One bit, in the middle.
    const bytes = await readFile(here.chunkPath(first));
    bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
    await writeFile(here.chunkPath(first), bytes);
    await rm(here.chunkPath(second));
    const damaged = await check(server, 'secret');
    const nowhere = { offsetBytes: null, lengthBytes: null, partitions: [] };
    expect(damaged).toMatchObject({ state: 'failed', found: { sealed: true, problemCount: 2 } });
    expect(damaged.found?.problems.toSorted((a, b) => (a.code < b.code ? -1 : 1))).toEqual([
      { code: 'chunk-corrupt', digest: first, ...nowhere },
      { code: 'chunk-not-found', digest: second, ...nowhere },
    ]);
    expect(await healthOf(server, 'secret')).toMatchObject({ verify: { outcome: 'failed' } });
    // A whole sealed chunk under the name of another one is none.
    await copyFile(here.chunkPath(third), here.chunkPath(second));
    expect((await check(server, 'secret')).found?.problems.map(({ code }) => code)).toEqual(
      Array.from({ length: 2 }, () => 'chunk-corrupt'),
    );
    // Nor is an image whole whose list of chunks is gone.
    await rm(here.chunkPath(sealed.chunkLists[0] ?? ''));
    expect(await check(server, 'secret')).toMatchObject({
      state: 'failed',
      found: { problems: [{ code: 'chunk-not-found', digest: sealed.chunkLists[0] }] },
    });
  });
}, 120_000);

describe('checks of images', () => {
  it('prove no encrypted image, for which the server has no key, and verify what of it is sealed, also by the clock', async () => {
    await withPlace(async (place) => {
      const keyed = await encrypted(place.store);
      await keyed.putManifest('sealed', makeImage('sealed'));
      const asked = requestImageCheck(place, { image: 'sealed', kind: 'prove', boot: false }, 'ann');
      await expect(asked).rejects.toMatchObject({ code: 'key-needed' });
      await writeVerification(place.db, { everyDays: 1 });
      await place.store.deleteManifest('one');
      expect(await requestDueImage(place, Date.now() + 9 * dayMs)).toBe(true);
      expect(await listImageChecks(place.db, { limit: 9 })).toMatchObject([{ image: 'sealed', kind: 'verify' }]);
    });
  });

  it('wait for each other, also at two servers; one that is stopped goes, and the next begins', async () => {
    await withPlace(async (place) => {
      const { db } = place;
      await place.store.putManifest('two', makeImage('two'));
      const { store, asked } = storeThatHangs(place.store);
      const first = await requestImageCheck(place, verify, 'ann');
      expect((await requestImageCheck(place, verify, 'bob')).check.id).toBe(first.check.id);
      const second = await requestImageCheck(place, { ...verify, image: 'two' }, 'bob');
      const stops = ['a', 'b'].map((id) => watchImageChecks(contextOf({ ...place, store }, id)));
      await eventually(async () => asked() > 0);
      // Each has looked again by now: the progress is told each second.
      await eventually(async () => {
        const row = await db.selectFrom('imageChecks').selectAll().where('state', '=', 'running').executeTakeFirst();
        return row !== undefined && row.heardAt !== row.startedAt;
      });
      expect(await statesOf(db)).toEqual(['queued', 'running']);
      await db.updateTable('imageChecks').set({ cancelRequested: 1 }).where('id', '=', first.check.id).execute();
      // The second has no chunks, so that it does not hang.
      await eventually(async () => (await statesOf(db)).every((state) => state !== 'queued' && state !== 'running'));
      expect(await listImageChecks(db, { limit: 2 })).toMatchObject([
        { id: second.check.id, state: 'passed', requestedBy: 'bob' },
        { id: first.check.id, state: 'cancelled', error: { code: 'cancelled' }, progress: null },
      ]);
      await Promise.all(stops.map((stop) => stop()));
    });
  });

  it('are called interrupted when their server stops, or is not heard of', async () => {
    await withPlace(async (place) => {
      const { db } = place;
      const { store, asked } = storeThatHangs(place.store);
      await requestImageCheck(place, verify, 'ann');
      const stop = watchImageChecks(contextOf({ ...place, store }, 'a'));
      await eventually(async () => asked() > 0);
      await stop();
      expect(await listImageChecks(db, { limit: 1 })).toMatchObject([
        { state: 'interrupted', error: { message: 'the server was stopped' } },
      ]);
      // As a server leaves it that was killed; on a database of several, it is waited for whether it says anything.
      for (const [kind, silentMs] of [
        ['sqlite', 3_600_000],
        ['postgres', 1500],
      ] as const) {
        const { check } = await requestImageCheck(place, verify, 'ann');
        const lost = { state: 'running', serverId: 'gone', heardAt: new Date().toISOString() } as const;
        await db.updateTable('imageChecks').set(lost).where('id', '=', check.id).execute();
        const end = watchImageChecks(contextOf(place, 'b', kind), silentMs);
        const [newest] = await eventually(async () => {
          const all = await listImageChecks(db, { limit: 1 });
          return all[0]?.state !== 'running' && all;
        });
        expect(newest).toMatchObject({ id: check.id, state: 'interrupted' });
        await end();
      }
    });
  });

  it('are asked for by the clock: the image that was read longest ago, when its days are over', async () => {
    await withPlace(async (place) => {
      const { db, store } = place;
      const nowMs = Date.now();
      const at = (days: number) => new Date(nowMs - days * dayMs).toISOString();
      await store.putManifest('older', makeImage('older', { createdAt: at(40) }));
      await store.putManifest('undo/x', makeImage('undo/x', { createdAt: at(90) }));
      expect(await requestDueImage(place, nowMs)).toBe(false);
      await writeVerification(db, { everyDays: 30 });
      expect(await requestDueImage(place, nowMs)).toBe(true);
      expect(await listImageChecks(db, { limit: 9 })).toMatchObject([{ image: 'older', requestedBy: 'settings' }]);
      // Nothing more while one waits.
      expect(await requestDueImage(place, nowMs)).toBe(false);
      const end = (state: 'error' | 'passed') => db.updateTable('imageChecks').set({ state }).execute();
      // One that could not be told is tried again a day later.
      await end('error');
      expect(await requestDueImage(place, nowMs + dayMs / 2)).toBe(false);
      expect(await requestDueImage(place, nowMs + 2 * dayMs)).toBe(true);
      await end('passed');
      expect(await requestDueImage(place, nowMs + 29 * dayMs)).toBe(false);
      expect(await requestDueImage(place, nowMs + 31 * dayMs)).toBe(true);
      expect((await listImageChecks(db, { limit: 1 }))[0]?.image).toBe('one');
    });
  });

  it('are forgotten with their image, and beyond the newest twenty, but not the last that found damage', async () => {
    await withPlace(async (place) => {
      const { db, store } = place;
      const { id: imageId } = await loadManifest(store, 'one');
      const row = async (id: string, state: 'cancelled' | 'failed', of: string) =>
        db
          .insertInto('imageChecks')
          .values({
            ...{ id, imageId: of, image: 'one', kind: 'verify', boot: 0, state, cancelRequested: 0 },
            ...{ requestedBy: 'ann', createdAt: '2026-01-01T00:00:00.000Z', startedAt: null, endedAt: null },
            ...{ serverId: null, heardAt: null, progress: null, found: null, error: null },
          })
          .execute();
      await row('a0', 'cancelled', imageId);
      await row('a1', 'failed', imageId);
      for (let i = 10; i < 40; i++) await row(`b${i}`, 'cancelled', imageId);
      await row('c', 'failed', 'gone');
      await forgetOldChecks(place);
      const left = (await listImageChecks(db, { limit: 100 })).map(({ id }) => id);
      expect([left.length, left.at(-1), left[0], left.at(-2)]).toEqual([21, 'a1', 'b39', 'b20']);
    });
  });
});
