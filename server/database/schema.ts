// The tables as the code sees them. Times are ISO 8601 in UTC, so that text order is time order; structures are JSON text.
import type { Generated, Kysely, Selectable } from 'kysely';
import type { PowerState } from '../../protocol/power.ts';
import type { JobHold, JobState } from '../../protocol/rest.ts';
import type { ImageChecksTable } from './image-checks-table.ts';
import type { ScheduleRunsTable, SchedulesTable } from './schedule-tables.ts';

type MachinesTable = {
  id: string;
  name: string;
  state: 'pending' | 'approved';
  inventory: string | null;
  createdAt: string;
  lastSeenAt: string | null;
  /** Set ahead again and again while the agent is connected, to whichever server. */
  onlineUntil: string | null;
  /** What a person has set; null: as the rules say. */
  bootProfileId: string | null;
  /** Where it asked from last. */
  address: string | null;
  /** The server process that its agent is connected to, or was last. */
  serverId: string | null;
};

/** The MAC addresses that it has been seen with, whether they tell who it is or not. */
type MachineMacsTable = { machineId: string; mac: string; seenAt: string };

type MachineTagsTable = { machineId: string; foldedTag: string; tag: string };

/** Written anew whenever one of them changes (machines/machine-facts.ts): `facts` for rules, `search` for people. */
type MachineFactsTable = { machineId: string; facts: string; search: string };

type MachineGroupsTable = { id: string; name: string; foldedName: string; rules: string; createdAt: string };

/** `rule`: those that the group's rules fit; kept true as machines and rules change. */
type GroupMembersTable = { groupId: string; machineId: string; kind: 'fixed' | 'rule' };

/** `uuid:…` or `mac:…`, each of at most one machine; see machines/identity.ts. */
type MachineIdentitiesTable = { identity: string; machineId: string };

type BootTokensTable = { tokenHash: string; machineId: string; createdAt: string; bootId: string | null };

type ScenariosTable = {
  id: string;
  name: string;
  parameters: string;
  steps: string;
  endAction: string;
  createdAt: string;
  updatedAt: string | null;
};

type JobsTable = {
  id: string;
  scenarioId: string;
  scenarioName: string;
  machineId: string;
  machineName: string;
  /** The scenario's steps, filled in, and its end as they were when the job was asked for. */
  steps: string;
  endAction: string;
  state: JobState;
  cancelRequested: number;
  /** Kept after the lease has lapsed, so that its agent may still come back. */
  leaseId: string | null;
  leaseBootId: string | null;
  leaseHeardAt: string | null;
  handOuts: number;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
  progress: string | null;
  results: string;
  error: string | null;
  /** The id of a disk check and the disks that it found (protocol/approval.ts); null when nobody approved any. */
  approval: string | null;
  /** Of a job that two people must agree to (protocol/second-person.ts). */
  agreement: string | null;
  /** The values of the scenario's parameters; null of jobs that are older than those. */
  parameters: string | null;
  /** Why it is not handed out, or stands still while it runs (jobs/lifecycle.ts). */
  held: JobHold | null;
  requestedBy: string | null;
  batchId: string | null;
  /** Whoever asks twice with one key has asked once. */
  requestKey: string | null;
  requestDigest: string | null;
  /** The job that this one does again. */
  retryOf: string | null;
  /** How often it is tried again by itself. */
  retries: number;
  /** Not handed out before. */
  notBefore: string | null;
  /** Of the schedule that asked for it. */
  scheduleId: Generated<string | null>;
  /** The hours in which it may begin. */
  windows: Generated<string | null>;
  /** When its machine is to be turned on, if it is not there; and how often that was tried. */
  wakeAt: Generated<string | null>;
  wakeTries: Generated<number>;
  /** Counts changes of state: a writer that read an older revision writes nothing. Whoever watches hears of it, so all but progress counts. */
  revision: number;
};

type ServersTable = { id: string; url: string; heardAt: string };

type BatchesTable = {
  id: string;
  key: string | null;
  requestDigest: string;
  scenarioId: string;
  scenarioName: string;
  requestedBy: string | null;
  createdAt: string;
};

type JobThroughputTable = { jobId: string; series: string };

type JobLogTable = { jobId: string; number: number; at: string; level: string; message: string };

type DiskChecksTable = {
  id: string;
  machineId: string;
  at: string;
  kind: 'check' | 'registration';
  /** Of a check: its job, and which step of it. */
  jobId: string | null;
  step: number | null;
  diskCount: number;
  disks: string;
  /** What it was compared with: id, time and kind; kept when that entry is gone. */
  before: string | null;
  differences: string;
};

type BootProfilesTable = {
  id: string;
  name: string;
  arguments: string;
  build: string | null;
  overlay: string | null;
  rules: string;
  order: number;
  createdAt: string;
};

type ApprovalRulesTable = {
  id: string;
  name: string;
  foldedName: string;
  rules: string;
  order: number;
  tags: string;
  groupId: string | null;
  bootProfileId: string | null;
  createdAt: string;
  uses: number;
  lastUsedAt: string | null;
};

type EnrolmentsTable = {
  id: string;
  label: string;
  secretHash: string;
  createdAt: string;
  expiresAt: string;
  uses: number;
  lastUsedAt: string | null;
};

type UsersTable = {
  id: string;
  name: string;
  /** Two names that look the same are the same (fold-name.ts). */
  foldedName: string;
  /** Empty: the user logs in elsewhere. */
  passwordHash: string;
  role: string;
  disabled: number;
  createdAt: string;
  lastLoginAt: string | null;
  /** Of a user who logs in through OpenID Connect: whose word it is, and who they are there. */
  openidIssuer: string | null;
  openidSubject: string | null;
};

type PersonTokensTable = {
  id: string;
  tokenHash: string;
  userId: string;
  kind: 'session' | 'api';
  label: string;
  role: string;
  createdAt: string;
  lastUsedAt: string | null;
  expiresAt: string | null;
  /** Its use does not carry it beyond. */
  endsAt: string | null;
};

/** Until they are used, or have expired. */
type LoginCodesTable = { codeHash: string; challenge: string; userId: string; expiresAt: string };

type RoleGrantsTable = { userId: string; groupId: string; role: string; createdAt: string };

/** Rows are added and never changed: triggers refuse it. */
type AuditTable = {
  id: string;
  at: string;
  who: string;
  address: string;
  action: string;
  about: string;
  outcome: string;
};

/** What has changed, as triggers note it (events/change-feed.ts); of the last few minutes. */
type ChangesTable = { number: Generated<number>; kind: 'machine' | 'job' | 'imageCheck'; id: string };

type MachinePowerTable = {
  machineId: string;
  /** protocol/power.ts, without what is secret. */
  settings: string;
  /** Sealed (power/secrets.ts). */
  secret: string | null;
  state: PowerState;
  stateAt: string | null;
};

/** Of machines that are to be woken by magic packets, from wherever one reaches them. */
type WakesTable = { id: string; machineId: string; at: string };

type SettingsTable = { name: string; value: string };

export type Tables = {
  machines: MachinesTable;
  machineIdentities: MachineIdentitiesTable;
  machineMacs: MachineMacsTable;
  machineTags: MachineTagsTable;
  machineFacts: MachineFactsTable;
  machineGroups: MachineGroupsTable;
  groupMembers: GroupMembersTable;
  bootTokens: BootTokensTable;
  scenarios: ScenariosTable;
  jobs: JobsTable;
  batches: BatchesTable;
  servers: ServersTable;
  jobLog: JobLogTable;
  diskChecks: DiskChecksTable;
  bootProfiles: BootProfilesTable;
  approvalRules: ApprovalRulesTable;
  enrolments: EnrolmentsTable;
  users: UsersTable;
  personTokens: PersonTokensTable;
  roleGrants: RoleGrantsTable;
  loginCodes: LoginCodesTable;
  jobThroughput: JobThroughputTable;
  audit: AuditTable;
  changes: ChangesTable;
  schedules: SchedulesTable;
  scheduleRuns: ScheduleRunsTable;
  machinePower: MachinePowerTable;
  wakes: WakesTable;
  imageChecks: ImageChecksTable;
  settings: SettingsTable;
};
export type Database = Kysely<Tables>;
export type JobRow = Selectable<JobsTable>;
export type MachineRow = MachinesTable;
export type ImageCheckRow = ImageChecksTable;
export type DiskCheckRow = DiskChecksTable;
export type UserRow = UsersTable;
export type PersonTokenRow = PersonTokensTable;
