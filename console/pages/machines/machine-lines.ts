// The list of machines as lines: what of each is shown, searched and sorted.

import type { Job, Machine } from '../../../protocol/rest.ts';
import type { Tone } from '../../components/job-words.ts';
import type { Order } from '../../components/virtual-table.ts';

export const conditions = ['pending', 'busy', 'ready', 'offline'] as const;
/** What a person wants to know of a machine first: waits for approval, works, could work, is not there. */
export type Condition = (typeof conditions)[number];

export const tones: Record<Condition, Tone> = { pending: 'warn', busy: 'busy', ready: 'good', offline: 'plain' };

export type MachineLine = {
  readonly machine: Machine;
  readonly condition: Condition;
  /** Its job that runs or waits. */
  readonly job: Job | null;
  readonly model: string;
  readonly serial: string;
  readonly address: string;
  readonly diskCount: number;
  readonly diskBytes: number;
  /** All that is searched, in lower case. */
  readonly words: string;
};

export function toLine(machine: Machine, job: Job | null): MachineLine {
  const { inventory } = machine;
  const { smbios, nics = [], disks = [] } = inventory ?? {};
  const boot = nics.find((nic) => nic.boot) ?? nics[0];
  const internal = disks.filter(({ location }) => location !== 'removable');
  const line = {
    machine,
    condition: conditionOf(machine, job),
    job,
    model: [smbios?.manufacturer, smbios?.product].filter(Boolean).join(' '),
    serial: smbios?.serial ?? '',
    address: boot?.addresses[0]?.replace(/\/\d+$/, '') ?? '',
    diskCount: internal.length,
    diskBytes: internal.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
  const searched = [machine.name, machine.id, line.model, line.serial, smbios?.uuid ?? '', ...machine.tags];
  for (const nic of nics) searched.push(nic.mac, ...nic.addresses);
  return { ...line, words: searched.join('\n').normalize('NFKC').toLowerCase() };
}

function conditionOf(machine: Machine, job: Job | null): Condition {
  if (machine.state === 'pending') return 'pending';
  if (job?.state === 'running') return 'busy';
  return machine.online ? 'ready' : 'offline';
}

/** By machine: the job that runs, else the oldest that waits. */
export function currentJobs(jobs: Iterable<Job>): Map<string, Job> {
  const current = new Map<string, Job>();
  for (const job of jobs) {
    if (job.state !== 'running' && job.state !== 'queued') continue;
    if (job.state === 'running' || !current.has(job.machineId)) current.set(job.machineId, job);
  }
  return current;
}

export type Filter = {
  /** Every word of it must be in the line. */
  readonly search: string;
  readonly condition: Condition | null;
  /** A group's id. */
  readonly group: string | null;
};

export function findLines(lines: readonly MachineLine[], { search, condition, group }: Filter): MachineLine[] {
  const words = search.normalize('NFKC').toLowerCase().split(/\s+/).filter(Boolean);
  return lines.filter(
    (line) =>
      (condition === null || line.condition === condition) &&
      (group === null || line.machine.groups.some(({ id }) => id === group)) &&
      words.every((word) => line.words.includes(word)),
  );
}

const collator = new Intl.Collator(undefined, { numeric: true });
const keys: Record<string, (a: MachineLine, b: MachineLine) => number> = {
  name: (a, b) => collator.compare(a.machine.name, b.machine.name),
  condition: (a, b) => conditions.indexOf(a.condition) - conditions.indexOf(b.condition),
  model: (a, b) => collator.compare(a.model, b.model),
  disks: (a, b) => a.diskBytes - b.diskBytes,
  seen: (a, b) => Date.parse(a.machine.lastSeenAt ?? '1970') - Date.parse(b.machine.lastSeenAt ?? '1970'),
};

/** What is equal stays in the order of the names. */
export function sortLines(lines: readonly MachineLine[], { key, descending }: Order): MachineLine[] {
  const compare = keys[key] ?? (() => 0);
  const byName = [...lines].sort(keys.name);
  return byName.sort((a, b) => (descending ? compare(b, a) : compare(a, b)));
}

/** Of all machines: their groups by id, in order of name. */
export function listGroups(lines: readonly MachineLine[]): [id: string, name: string][] {
  const groups = new Map(lines.flatMap(({ machine }) => machine.groups.map(({ id, name }) => [id, name] as const)));
  return [...groups].sort(([, a], [, b]) => collator.compare(a, b));
}

export function countConditions(lines: readonly MachineLine[]): Record<Condition, number> {
  const counts = { pending: 0, busy: 0, ready: 0, offline: 0 };
  for (const { condition } of lines) counts[condition] += 1;
  return counts;
}
