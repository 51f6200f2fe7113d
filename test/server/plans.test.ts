// A dry run: what a scenario would do on each machine, without a machine.
import { describe, expect, it } from 'vitest';
import type { CheckedDisk } from '../../protocol/disk-check.ts';
import { type MachinePlan, type Plan, planSchema } from '../../protocol/plan.ts';
import { recordCheck } from '../../server/disk-checks/record-check.ts';
import { registerMachine } from '../../server/machines/register-machine.ts';
import { makeChecked, makeHealth } from '../fixtures/checked-disks.ts';
import { openByText } from '../fixtures/databases.ts';
import { TestServer, uuidA, uuidB } from './support.ts';

const gibibyte = 2 ** 30;
const restore = { kind: 'restore', image: 'golden', target: { by: 'number', number: 1 } };

/** A machine of which a check found these disks. */
async function addMachine(server: TestServer, uuid: string, disks: readonly CheckedDisk[] | null): Promise<string> {
  const db = await openByText(server.database);
  const machine = await registerMachine(db, { uuid, serial: null, macs: [], address: '192.0.2.9', approvedBy: {} });
  if (machine === null) throw new Error('no machine');
  if (disks !== null) await recordCheck(db, machine.id, { jobId: `job-${uuid}`, step: 0, disks });
  await db.destroy();
  return machine.name;
}

async function plan(
  server: TestServer,
  steps: object[],
  machines: string[],
  extra: object = {},
): Promise<MachinePlan[]> {
  const draft = { name: 'draft', steps, ...extra };
  return planSchema.parse(await server.api<Plan>('POST', '/v1/plans', { draft, machines })).machines;
}

const codes = (found: readonly { code: string }[] | undefined) => found?.map(({ code }) => code);

describe('a plan', () => {
  it('says for each machine which disk is overwritten with what, and leaves no trace', async () => {
    await using server = await TestServer.start();
    await server.addImage('golden');
    const a = await addMachine(server, uuidA, [makeChecked(1), makeChecked(2)]);
    const b = await addMachine(server, uuidB, [makeChecked(1, { serial: 'B1', id: 'serial-B1' })]);
    const [first, second] = await plan(server, [{ kind: 'check' }, restore], [a, b]);
    expect(first).toMatchObject({ machineName: a, overwrites: true, refused: false, refusals: [] });
    expect(codes(first?.warnings)).toEqual(['machine-away']);
    expect(first?.steps[1]).toMatchObject({
      summary: "restore 'golden' onto disk 1 /dev/sd1 (QEMU HARDDISK, serial S1, 8.0 GiB, id serial-QEMU-S1)",
      disk: { serial: 'S1', map: { partitions: [{ fileSystem: 'ext4', label: 'root' }] } },
      image: { name: 'golden', sizeBytes: 4 * gibibyte, usedBytes: 0 },
      overwrites: 'disk',
      usedBytes: 0,
    });
    expect(second?.steps[1]?.disk?.serial).toBe('B1');
    expect(await server.api('GET', '/v1/jobs')).toEqual([]);
    const { entries } = await server.api<{ entries: { action: string }[] }>('GET', '/v1/audit');
    const before = ['approve machine', 'approve machine', 'PUT /v1/images/:name'];
    expect(entries.map(({ action }) => action)).toEqual(before);
  });

  it.each<[string, CheckedDisk[], object, string]>([
    ['no disk matches', [makeChecked(2)], { serial: 'S1', by: 'serial' }, 'selector-none'],
    ['two disks match', [makeChecked(1), makeChecked(2)], { by: 'only' }, 'selector-ambiguous'],
    ['the disk is too small', [makeChecked(1, { sizeBytes: gibibyte })], { by: 'only' }, 'target-too-small'],
    ['the disk has other sectors', [makeChecked(1, { sectorSizeBytes: 4096 })], { by: 'only' }, 'target-sector-size'],
    ['the disk is locked', [makeChecked(1, { locks: { ata: 'locked', opal: null } })], { by: 'only' }, 'disk-locked'],
    ['the disk is read-only', [makeChecked(1, { readOnly: true })], { by: 'only' }, 'target-read-only'],
  ])('names the error that a job would end with when %s', async (_, disks, target, code) => {
    await using server = await TestServer.start();
    const part = {
      number: 0,
      startBytes: 0,
      sizeBytes: 4 * gibibyte,
      usedBytes: 0,
      reader: 'ntfs',
      fileSystem: 'ntfs',
    };
    const unknown = {
      type: null,
      partitionUuid: null,
      partitionName: null,
      fileSystemUuid: null,
      fileSystemLabel: null,
    };
    await server.addImage('golden', { partitions: [{ ...part, ...unknown, notes: [] }] });
    const machine = await addMachine(server, uuidA, disks);
    const [planned] = await plan(server, [{ ...restore, target }], [machine]);
    expect(planned?.refused).toBe(true);
    expect(codes(planned?.steps[0]?.refusals)).toEqual([code]);
  });

  it('warns of what is not known and of what is not well', async () => {
    await using server = await TestServer.start();
    await server.addImage('golden');
    const disk = {
      ...makeChecked(1),
      hiddenBytes: 512,
      inUseBy: ['mounted on /'],
      health: makeHealth({ passed: false }),
    };
    const [a, b] = [await addMachine(server, uuidA, [disk]), await addMachine(server, uuidB, null)];
    const db = await openByText(server.database);
    await db.updateTable('diskChecks').set({ at: '2020-01-01T00:00:00.000Z' }).execute();
    await db.destroy();
    const [known, unknown] = await plan(server, [restore], [a, b]);
    expect(codes(known?.warnings)).toEqual(['machine-away', 'disk-check-old']);
    expect(codes(known?.steps[0]?.warnings)).toEqual(['disk-failing', 'hidden-area', 'in-use']);
    expect(codes(unknown?.warnings)).toEqual(['machine-away', 'no-disk-check']);
    expect(unknown?.steps[0]).toMatchObject({ disk: null, refusals: [] });
  });

  it('knows of images that are missing, taken, or about to be made by an earlier step', async () => {
    await using server = await TestServer.start();
    await server.addImage('taken');
    const machine = await addMachine(server, uuidA, [makeChecked(1), makeChecked(2)]);
    const capture = (image: string) => ({ kind: 'capture', image, source: { by: 'number', number: 2 } });
    const steps = [capture('taken'), capture('golden'), restore, { ...restore, image: 'never' }];
    const [planned] = await plan(server, steps, [machine]);
    expect(planned?.steps.map(({ refusals }) => codes(refusals))).toEqual([
      ['image-exists'],
      [],
      [],
      ['image-not-found'],
    ]);
    expect(codes(planned?.steps[2]?.warnings)).toEqual(['image-coming']);
  });

  it('sees that two machines would make images of one name', async () => {
    await using server = await TestServer.start();
    const machines = [];
    for (const uuid of [uuidA, uuidB]) machines.push(await addMachine(server, uuid, [makeChecked(1)]));
    const capture = (image: string) => [{ kind: 'capture', image, source: { by: 'only' } }];
    const same = await plan(server, capture('nightly'), machines);
    expect(same.map(({ steps }) => codes(steps[0]?.refusals))).toEqual([[], ['image-exists']]);
    await server.api('POST', '/v1/groups', { name: 'room', members: machines });
    const draft = { name: 'draft', steps: capture('nightly-{machine}') };
    const group = await server.api<Plan>('POST', '/v1/plans', { draft, group: 'room' });
    expect(group.machines.map(({ machineName }) => machineName).sort()).toEqual(machines.sort());
    await expect(server.api('POST', '/v1/plans', { draft })).rejects.toThrow('neither machines nor a group');
    const own = await plan(server, capture('nightly-{machine}'), machines);
    expect(own.map(({ refused }) => refused)).toEqual([false, false]);
  });

  it('says in which way a disk would erase itself and why, and refuses what it cannot', async () => {
    await using server = await TestServer.start();
    const machine = await addMachine(server, uuidA, [
      makeChecked(1, { erase: { ways: ['sanitize-crypto', 'secure-erase-normal'], hindrances: [] } }),
      makeChecked(2, { erase: { ways: [], hindrances: ['its settings are frozen'] } }),
      makeChecked(3, { erase: { ways: [], hindrances: [] }, locks: { ata: 'locked', opal: null } }),
    ]);
    const wipes = [
      ['auto', 1, 'auto: Sanitize (cryptographic erase), the strongest that it has', []],
      ['secure-erase', 1, 'secure-erase: Secure Erase (normal), the strongest of those that are asked for', []],
      ['overwrite', 1, 'overwrite', []],
      ['auto', 2, 'auto: overwritten, because its settings are frozen', []],
      ['sanitize', 2, 'sanitize: refused', ['wipe-unsupported']],
      ['auto', 3, 'auto: overwritten, because it has no way to erase itself', ['disk-locked']],
      // It may be one that a Secure Erase has left locked: the disk is asked then.
      ['secure-erase', 3, 'secure-erase: with the password of an erase that was cut off, if that is what locks it', []],
    ] as const;
    const steps = wipes.map(([method, number]) => ({ kind: 'wipe', target: { by: 'number', number }, method }));
    const [planned] = await plan(server, steps, [machine]);
    const found = planned?.steps.map(({ summary, refusals }) => [
      /\((?!QEMU)(.*)\)$/.exec(summary)?.[1],
      codes(refusals),
    ]);
    expect(found).toEqual(wipes.map(([, , words, refused]) => [words, refused]));
  });

  it('tells of a wipe that all of the disk is lost', async () => {
    await using server = await TestServer.start();
    const machine = await addMachine(server, uuidA, [makeChecked(1, { readOnly: true })]);
    const [planned] = await plan(server, [{ kind: 'wipe', target: { by: 'only' } }], [machine]);
    expect(planned).toMatchObject({ overwrites: true, refused: true });
    expect(planned?.steps[0]).toMatchObject({
      overwrites: 'disk',
      summary: expect.stringMatching(/^wipe disk 1 .* \(auto: in which way, a check of its disks would say\)$/),
    });
    expect(codes(planned?.steps[0]?.refusals)).toEqual(['target-read-only']);
  });

  it('fills in parameters for each machine, and says which has no value', async () => {
    await using server = await TestServer.start();
    const machine = await addMachine(server, uuidA, [makeChecked(1)]);
    const steps = [{ kind: 'capture', image: '{what}-{machine}-{date}-{n}', source: { by: 'only' } }];
    const parameters = [{ name: 'what' }];
    const [open] = await plan(server, steps, [machine], { parameters });
    expect([codes(open?.refusals), open?.refused, open?.steps]).toEqual([['invalid-input'], true, []]);
    const [filled] = await plan(server, steps, [machine], { parameters: [{ name: 'what', default: 'daily' }] });
    const today = new Date().toISOString().slice(0, 10);
    expect(filled?.steps[0]?.step).toMatchObject({ image: `daily-${machine}-${today}-1` });
  });
});
