// What the status page shows: the stages write it, the screen draws it. Writing is cheap; nothing is drawn here.
import type { Disk } from '../../imaging/blockdev/disk.ts';
import type { Nic } from '../../protocol/inventory.ts';
import type { Say } from './words/words.ts';

export type LogLevel = 'info' | 'warning' | 'error';
export type Log = (level: LogLevel, message: string) => void;
export type LogLine = { readonly level: LogLevel; readonly message: string };

/** The running job in figures of its current phase. */
export type JobView = {
  readonly title: string;
  readonly step: number;
  readonly steps: number;
  readonly phase: string;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly bytesTransferred: number;
  readonly bytesPerSecond: number;
};

export type StatusModel = {
  readonly serverUrl: string;
  /** What the agent is doing, in a few words. */
  readonly stage: Say;
  readonly waitingFor: readonly Say[];
  readonly connected: boolean;
  /** From when a job is taken until the server has its result. */
  readonly busy: boolean;
  readonly machineName: string | null;
  readonly machineState: 'pending' | 'approved' | null;
  readonly nics: readonly Nic[];
  /** What came of each NIC, by its name; of one that is not here, its `result` counts. */
  readonly nicResults: ReadonlyMap<string, Say>;
  readonly disks: readonly Disk[];
  readonly job: JobView | null;
  /** The last of them, oldest first. */
  readonly messages: readonly LogLine[];
};

const keptMessages = 50;
const maxMessageLength = 4000;

type Listeners = {
  /** Something but the job's figures has changed. */
  readonly change: Set<() => void>;
  readonly log: Set<(line: LogLine) => void>;
};

export class Status {
  readonly listeners: Listeners = { change: new Set(), log: new Set() };
  #model: StatusModel;

  constructor(serverUrl: string) {
    this.#model = {
      serverUrl,
      stage: (words) => words.stage.starting,
      waitingFor: [],
      connected: false,
      busy: false,
      machineName: null,
      machineState: null,
      nics: [],
      nicResults: new Map(),
      disks: [],
      job: null,
      messages: [],
    };
  }

  get model(): StatusModel {
    return this.#model;
  }

  update(change: Partial<Omit<StatusModel, 'messages'>>): void {
    this.#model = { ...this.#model, ...change };
    for (const listener of this.listeners.change) listener();
  }

  /** The job's figures, several times a second perhaps: they wait for the next regular redraw. */
  setJob(job: JobView): void {
    this.#model = { ...this.#model, job };
  }

  log(level: LogLevel, message: string): void {
    const line = { level, message: message.slice(0, maxMessageLength) };
    this.#model = { ...this.#model, messages: [...this.#model.messages, line].slice(-keptMessages) };
    for (const listener of this.listeners.log) listener(line);
    for (const listener of this.listeners.change) listener();
  }
}
