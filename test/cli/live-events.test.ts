// What `job watch` and `image-check start --watch` listen to: live events of a server, and asking where there are none.
import { describe, expect, it } from 'vitest';
import { connect } from '../../cli/connect.ts';
import { afterEvents, imageCheckAfter, type LiveEvents } from '../../cli/live-events.ts';
import type { Event } from '../../protocol/events.ts';
import type { ImageCheck } from '../../protocol/image-check.ts';
import type { Job } from '../../protocol/rest.ts';
import { ScriptedAgent } from '../server/scripted-agent.ts';
import { TestServer, uuidA } from '../server/support.ts';
import { withImages } from '../server/with-images.ts';

/** The first that is wanted, as it is told; what must be read anew is passed over. */
async function hear(live: LiveEvents, wanted: (event: Event) => boolean): Promise<readonly Event[]> {
  for (const untilMs = performance.now() + 60_000; performance.now() < untilMs; ) {
    const events = await live.next();
    if (events?.some(wanted) === true) return events;
  }
  throw new Error('it was not told');
}

describe('a job that is watched', () => {
  it('is told of by the server, and by the one that is started in its place', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const facts = { port: server.running.port, token: await server.bootToken(uuidA), uuid: uuidA, bootId: 'boot-id-1' };
    const agent = await ScriptedAgent.join(facts);
    const { machineId } = await agent.next('welcome');
    await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
    const job = await server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: machineId });
    const handed = await agent.next('job');
    const client = await connect({ data: server.dataDir });
    const live = client.listen({ job: job.id });
    try {
      expect(await live.next()).toBeNull();
      // Once more when the server says that it tells.
      expect(await live.next()).toBeNull();
      agent.progress(handed, 50);
      const told = await hear(live, ({ type }) => type === 'progress');
      expect(afterEvents(job, told).progress).toMatchObject({ bytesDone: 50 });

      await server.restart();
      const again = await ScriptedAgent.join(facts, handed);
      await again.next('welcome');
      again.progress(handed, 70);
      await hear(live, (event) => event.type === 'progress' && event.progress.bytesDone === 70);
      again.done(handed);
      const last = await hear(live, (event) => event.type === 'job' && event.endedAt !== null);
      expect(afterEvents(job, last)).toMatchObject({ state: 'succeeded', endedAt: expect.any(String) });
    } finally {
      live.close();
      client.close();
    }
  });

  it('is asked for where there are no events', async () => {
    await using server = await TestServer.start();
    const { url, caFingerprint } = server.running;
    const client = await connect({ server: url, ca: caFingerprint, token: 'of nobody' });
    const live = client.listen({ jobs: true });
    try {
      for (let i = 0; i < 3; i++) expect(await live.next()).toBeNull();
    } finally {
      live.close();
      client.close();
    }
  });
});

it(
  'a check of an image that is watched is told of until it has ended',
  () =>
    withImages(async (_, __, server) => {
      const client = await connect({ data: server.dataDir });
      const live = client.listen({ imageChecks: true });
      try {
        const ask = () => server.api<ImageCheck>('POST', '/v1/image-checks', { image: 'one', kind: 'verify' });
        const read = ({ id }: ImageCheck) => server.api<ImageCheck>('GET', `/v1/image-checks/${id}`);
        let check = await ask();
        for (let isTold = false; !isTold; ) {
          const events = await live.next();
          // One that ended before the server said that it tells is not told of.
          if (events === null && (await read(check)).endedAt !== null) check = await ask();
          check = imageCheckAfter(check, events ?? []);
          isTold = check.endedAt !== null;
        }
        expect(check).toMatchObject({ state: 'passed', found: null });
      } finally {
        live.close();
        client.close();
      }
    }),
  120_000,
);
