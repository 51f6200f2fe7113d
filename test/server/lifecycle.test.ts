import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeployError } from '../../protocol/errors.ts';
import { isEnded, type JobEvent, type JobLife, newJobLife, nextJobLife } from '../../server/jobs/lifecycle.ts';

const at = '2026-01-01T00:00:00.000Z';
const lease = { id: 'l1', bootId: 'b1' };
const handOut = (id = 'l1', bootId = 'b1'): JobEvent => ({ kind: 'hand-out', lease: { id, bootId }, at });
const done = (leaseId: string, code?: string): JobEvent => ({
  kind: 'done',
  leaseId,
  results: [],
  error: code === undefined ? null : { code, message: 'x' },
  at,
});

function jobAfter(...events: JobEvent[]): JobLife {
  return events.reduce(nextJobLife, newJobLife);
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (thrown) {
    return (thrown as DeployError).code;
  }
  return 'none';
}

describe('a job', () => {
  it('waits, runs and succeeds', () => {
    expect(newJobLife.state).toBe('queued');
    expect(jobAfter(handOut())).toMatchObject({ state: 'running', lease, handOuts: 1, startedAt: at });
    expect(jobAfter(handOut(), done('l1'))).toMatchObject({ state: 'succeeded', endedAt: at, error: null });
  });

  it('ends as its agent says: failed, or cancelled', () => {
    expect(jobAfter(handOut(), done('l1', 'target-busy'))).toMatchObject({
      state: 'failed',
      error: { code: 'target-busy' },
    });
    expect(jobAfter(handOut(), done('l1', 'cancelled')).state).toBe('cancelled');
  });

  it('is cancelled at once while it waits, and when its agent has stopped while it runs', () => {
    expect(jobAfter({ kind: 'cancel', at }).state).toBe('cancelled');
    expect(jobAfter(handOut(), { kind: 'cancel', at })).toMatchObject({ state: 'running', cancelRequested: true });
    expect(jobAfter(handOut(), { kind: 'cancel', at }, { kind: 'lapse', at }).state).toBe('cancelled');
    expect(jobAfter(handOut(), { kind: 'cancel', at }, handOut('l2')).state).toBe('cancelled');
  });

  it('waits again when its lease lapses, and its agent may still resume it', () => {
    const lapsed = jobAfter(handOut(), { kind: 'lapse', at });
    expect(lapsed.state).toBe('queued');
    expect(nextJobLife(lapsed, { kind: 'resume', leaseId: 'l1' }).state).toBe('running');
    expect(nextJobLife(lapsed, done('l1')).state).toBe('succeeded');
  });

  it('that is held is not handed out, and is let go by whoever held it', () => {
    const paused: JobEvent = { kind: 'hold', reason: 'paused' };
    const held = jobAfter(paused, paused);
    expect(nextJobLife(held, handOut())).toMatchObject({ state: 'queued', held: 'paused', handOuts: 0 });
    expect(nextJobLife(held, { kind: 'release', reason: 'paused' }).held).toBeNull();
    // Otherwise a pause and its end would be a way around the second person.
    const second = jobAfter({ kind: 'hold', reason: 'second-person' });
    expect(codeOf(() => nextJobLife(second, paused))).toBe('job-state');
    expect(codeOf(() => nextJobLife(second, { kind: 'release', reason: 'paused' }))).toBe('job-state');
    expect(codeOf(() => nextJobLife(newJobLife, { kind: 'release', reason: 'paused' }))).toBe('job-state');
    expect(nextJobLife(second, { kind: 'cancel', at })).toMatchObject({ state: 'cancelled', held: null });
  });

  it('that is paused while it runs keeps its lease, and waits when its machine boots anew', () => {
    const paused = jobAfter(handOut(), { kind: 'hold', reason: 'paused' });
    expect(paused).toMatchObject({ state: 'running', held: 'paused', lease });
    expect(nextJobLife(paused, done('l1'))).toMatchObject({ state: 'succeeded', held: null });
    expect(nextJobLife(paused, handOut('l2', 'b2'))).toMatchObject({ state: 'queued', held: 'paused', handOuts: 1 });
  });

  it('is tried again by itself as often as was asked, after an error that may be gone later', () => {
    const asked: JobLife = { ...newJobLife, retries: 1 };
    const failed = nextJobLife(nextJobLife(asked, handOut()), done('l1', 'server-unreachable'));
    expect(failed).toMatchObject({ state: 'queued', retries: 0, lease: null, error: null });
    expect(failed.notBefore).toBe('2026-01-01T00:00:30.000Z');
    // The first boot's `done`, said again, ends nothing.
    expect(codeOf(() => nextJobLife(failed, done('l1', 'server-unreachable')))).toBe('lease-lost');
    const again = nextJobLife(nextJobLife(failed, handOut('l2')), done('l2', 'server-unreachable'));
    expect(again).toMatchObject({ state: 'failed', error: { code: 'server-unreachable' } });
    const wrongDisk = nextJobLife(nextJobLife(asked, handOut()), done('l1', 'target-changed'));
    expect(wrongDisk).toMatchObject({ state: 'failed', retries: 1 });
    const stopped = [handOut(), { kind: 'cancel', at } as JobEvent, done('l1', 'server-unreachable')];
    expect(stopped.reduce(nextJobLife, asked).state).toBe('failed');
  });

  it('belongs to the newest lease only', () => {
    const again = jobAfter(handOut('l1', 'b1'), handOut('l2', 'b2'));
    expect(codeOf(() => nextJobLife(again, { kind: 'resume', leaseId: 'l1' }))).toBe('lease-lost');
    expect(codeOf(() => nextJobLife(again, done('l1')))).toBe('lease-lost');
    expect(nextJobLife(again, done('l2')).state).toBe('succeeded');
  });

  it('does not change once it has ended, whatever is said again', () => {
    const ended = jobAfter(handOut(), done('l1'));
    expect(nextJobLife(ended, done('l1', 'internal'))).toEqual(ended);
    for (const event of [handOut('l2'), { kind: 'cancel', at }, { kind: 'lapse', at }] as JobEvent[]) {
      expect(codeOf(() => nextJobLife(ended, event))).toBe('job-state');
    }
  });

  it('is given up when its agent is lost ten times', () => {
    const many = Array.from({ length: 11 }, (_, i) => handOut(`l${i}`));
    expect(jobAfter(...many)).toMatchObject({ state: 'failed', error: { code: 'lease-lost' }, handOuts: 10 });
  });

  it('keeps its promises under any order of events', () => {
    const id = fc.constantFrom('l1', 'l2');
    const event: fc.Arbitrary<JobEvent> = fc.oneof(
      id.map((name) => handOut(name)),
      id.map((leaseId): JobEvent => ({ kind: 'resume', leaseId })),
      fc.tuple(id, fc.constantFrom(undefined, 'cancelled', 'internal')).map(([name, code]) => done(name, code)),
      fc.constant<JobEvent>({ kind: 'cancel', at }),
      fc.constant<JobEvent>({ kind: 'lapse', at }),
      fc.constantFrom<JobEvent>({ kind: 'hold', reason: 'paused' }, { kind: 'release', reason: 'paused' }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        let life = newJobLife;
        for (const next of events) {
          const before = life;
          try {
            life = nextJobLife(life, next);
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(DeployError);
          }
          if (isEnded(before.state)) expect(life).toEqual(before);
          if (before.held !== null && life.held !== null) expect(life.handOuts).toBe(before.handOuts);
          if (isEnded(life.state)) expect(life.held).toBeNull();
          expect(isEnded(life.state)).toBe(life.endedAt !== null);
          if (life.state === 'running') expect(life.lease).not.toBeNull();
          if (life.state === 'failed') expect(life.error).not.toBeNull();
          expect(life.handOuts).toBeLessThanOrEqual(10);
        }
      }),
    );
  });
});
