// The tables of schedules, as the code sees them (schema.ts has the others).

export type SchedulesTable = {
  id: string;
  name: string;
  /** Two names that look the same are the same (fold-name.ts). */
  foldedName: string;
  enabled: number;
  scenarioId: string;
  machineIds: string | null;
  groupId: string | null;
  parameters: string;
  when: string;
  windows: string;
  lateMinutes: number;
  overlap: 'skip' | 'queue';
  keep: string | null;
  wake: number;
  savedBy: string;
  createdAt: string;
  /** The next time that nobody has dealt with yet; null while it is disabled. */
  nextDueAt: string | null;
  /** When its images were last looked through. */
  prunedAt: string | null;
};

/** What became of a time: there is one row of each. */
export type ScheduleRunsTable = {
  scheduleId: string;
  dueAt: string;
  at: string;
  outcome: 'started' | 'skipped' | 'missed' | 'failed';
  message: string;
  /** The same by codes (protocol/schedule.ts). */
  notes: string;
  jobIds: string;
};
