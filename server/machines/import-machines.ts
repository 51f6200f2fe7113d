// Machines from a file: those that are not there yet are written down and recognised when they boot; those that are get what the file says.
import { prettifyError } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import { type FileMachine, fileMachineSchema } from '../../protocol/machine-file.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { foldName } from '../fold-name.ts';
import { newId } from '../new-id.ts';
import { listIdentities, listMacIdentities, normalizeMac, normalizeSerial, normalizeUuid } from './identity.ts';
import { refreshFacts } from './machine-facts.ts';

const maxErrors = 20;
/** How many rows a statement has at most. */
const rowsAtOnce = 500;

type Row = { readonly label: string; readonly machine: FileMachine; readonly identities: readonly string[] };
type Planned = Row & { readonly id: string; readonly isNew: boolean };
type Result = { readonly created: number; readonly updated: number };

/** @throws DeployError invalid-input, with each wrong row; nothing is changed then */
export async function importMachines(
  db: Database,
  {
    machines,
    rows: labels,
    dryRun,
  }: { readonly machines: readonly unknown[]; readonly rows?: readonly string[]; readonly dryRun: boolean },
): Promise<Result> {
  const errors: string[] = [];
  const rows = machines.flatMap((machine, i) => readRow(machine, labels?.[i] ?? `machine ${i + 1}`, errors));
  refuseTwins(rows, errors);
  return transact(db, async (transaction) => {
    const wrong = [...errors];
    const groups = await readGroups(transaction);
    const planned = await plan(transaction, rows, wrong);
    for (const { label, machine } of rows) {
      for (const name of machine.groups) if (!groups.has(foldName(name))) wrong.push(`${label}: no group '${name}'`);
    }
    if (wrong.length > 0) throw refusal(wrong);
    if (!dryRun) await write(transaction, planned, groups);
    const created = planned.filter(({ isNew }) => isNew).length;
    return { created, updated: planned.length - created };
  });
}

function refusal(errors: readonly string[]): DeployError {
  const more = errors.length > maxErrors ? [`and ${errors.length - maxErrors} more`] : [];
  return new DeployError('invalid-input', ['nothing was imported:', ...errors.slice(0, maxErrors), ...more].join('\n'));
}

function readRow(value: unknown, label: string, errors: string[]): Row[] {
  const { data, error } = fileMachineSchema.safeParse(value);
  if (data === undefined) {
    errors.push(`${label}: ${prettifyError(error).replaceAll(/\s+/g, ' ')}`);
    return [];
  }
  const { uuid, serial, macs } = data;
  const wrong = [
    ...(uuid !== null && normalizeUuid(uuid) === null
      ? [`'${uuid}' is no UUID that tells one machine from others`]
      : []),
    ...(serial !== null && normalizeSerial(serial) === null ? [`'${serial}' is no serial number`] : []),
    ...macs.flatMap((mac) => (normalizeMac(mac) === null ? [`'${mac}' is no MAC address of a card`] : [])),
  ];
  errors.push(...wrong.map((text) => `${label}: ${text}`));
  return wrong.length > 0 ? [] : [{ label, machine: data, identities: listIdentities(data) }];
}

/** Of one file: each name and each identity once. */
function refuseTwins(rows: readonly Row[], errors: string[]): void {
  const first = new Map<string, string>();
  for (const { label, machine, identities } of rows) {
    for (const word of [`the name ${machine.name}`, ...identities]) {
      const before = first.get(word);
      if (before !== undefined) errors.push(`${label}: ${word} is that of ${before}, too`);
      else first.set(word, label);
    }
  }
}

async function plan(db: Database, rows: readonly Row[], errors: string[]): Promise<Planned[]> {
  const holders = new Map<string, string>();
  for (const { identity, machineId } of await db.selectFrom('machineIdentities').selectAll().execute()) {
    holders.set(identity, machineId);
  }
  const names = new Map<string, string>();
  for (const { id, name } of await db.selectFrom('machines').select(['id', 'name']).execute()) names.set(name, id);
  const seen = Map.groupBy(await db.selectFrom('machineMacs').select(['mac', 'machineId']).execute(), ({ mac }) => mac);
  const seenWith = (mac: string): string[] => (seen.get(mac) ?? []).map(({ machineId }) => machineId);
  return rows.flatMap((row) => {
    const { label, machine, identities } = row;
    // A machine that shows up by a MAC address first is the one that the file knows by UUID as well.
    const asked = [...new Set([...identities, ...listMacIdentities(machine.macs)])];
    const held = asked.flatMap((identity) => holders.get(identity) ?? []);
    const bySeen = held.length === 0 ? machine.macs.flatMap((mac) => seenWith(normalizeMac(mac) ?? '')) : [];
    const found = [...new Set([...held, ...bySeen])];
    const named = names.get(machine.name);
    const [id = identities.length === 0 ? named : undefined] = found;
    const wrong =
      found.length > 1
        ? 'what it is known by is that of several machines'
        : id === undefined && identities.length === 0
          ? `no machine '${machine.name}', and neither UUID, serial number nor MAC address to know it by`
          : named !== undefined && named !== id
            ? `another machine is called '${machine.name}'`
            : null;
    // One that is known by better names is not to be known by a MAC address.
    const kept = bySeen.length > 0 ? identities.filter((identity) => !identity.startsWith('mac:')) : identities;
    if (wrong === null) return [{ ...row, identities: kept, id: id ?? newId(), isNew: id === undefined }];
    errors.push(`${label}: ${wrong}`);
    return [];
  });
}

/** Ids by folded name. */
async function readGroups(db: Database): Promise<Map<string, string>> {
  const rows = await db.selectFrom('machineGroups').select(['id', 'foldedName']).execute();
  return new Map(rows.map(({ id, foldedName }) => [foldedName, id]));
}

async function write(db: Database, planned: readonly Planned[], groups: ReadonlyMap<string, string>): Promise<void> {
  for (let at = 0; at < planned.length; at += rowsAtOnce) {
    const some = planned.slice(at, at + rowsAtOnce);
    const fresh = some.filter(({ isNew }) => isNew).map(toMachineRow);
    if (fresh.length > 0) await db.insertInto('machines').values(fresh).execute();
    for (const { id, isNew, machine } of some) {
      if (isNew) continue;
      const state = machine.state === 'approved' ? ({ state: 'approved' } as const) : {};
      await db
        .updateTable('machines')
        .set({ name: machine.name, ...state })
        .where('id', '=', id)
        .execute();
    }
    await writeBeside(db, some, groups);
  }
  await refreshFacts(
    db,
    planned.map(({ id }) => id),
  );
}

function toMachineRow({ id, machine }: Planned): MachineRow {
  const now = new Date().toISOString();
  const unknown = {
    inventory: null,
    lastSeenAt: null,
    onlineUntil: null,
    bootProfileId: null,
    address: null,
    serverId: null,
  };
  return { id, name: machine.name, state: machine.state, createdAt: now, ...unknown };
}

async function writeBeside(db: Database, some: readonly Planned[], groups: ReadonlyMap<string, string>): Promise<void> {
  const seenAt = new Date().toISOString();
  const identities = some.flatMap(({ id, identities: own }) => own.map((identity) => ({ identity, machineId: id })));
  const macs = some.flatMap(({ id, machine }) =>
    machine.macs.map((mac) => ({ machineId: id, mac: normalizeMac(mac) ?? mac, seenAt })),
  );
  const tags = some.flatMap(({ id, machine }) =>
    machine.tags.map((tag) => ({ machineId: id, tag, foldedTag: foldName(tag) })),
  );
  const members = some.flatMap(({ id, machine }) =>
    machine.groups.map((name) => ({
      groupId: groups.get(foldName(name)) ?? '',
      machineId: id,
      kind: 'fixed' as const,
    })),
  );
  const portions = <T>(rows: readonly T[]) =>
    Array.from({ length: Math.ceil(rows.length / rowsAtOnce) }, (_, i) =>
      rows.slice(i * rowsAtOnce, (i + 1) * rowsAtOnce),
    );
  for (const part of portions(identities))
    await db
      .insertInto('machineIdentities')
      .values(part)
      .onConflict((on) => on.doNothing())
      .execute();
  for (const part of portions(macs))
    await db
      .insertInto('machineMacs')
      .values(part)
      .onConflict((on) => on.doNothing())
      .execute();
  for (const part of portions(tags))
    await db
      .insertInto('machineTags')
      .values(part)
      .onConflict((on) => on.doNothing())
      .execute();
  for (const part of portions(members))
    await db
      .insertInto('groupMembers')
      .values(part)
      .onConflict((on) => on.doNothing())
      .execute();
}
