// Machines with arrays, as data: how each array was made and what is left of it, and what the Deploy-OS must make of that (R2).

const mib = 2 ** 20;

export type ArrayCase = {
  readonly name: string;
  /** mdadm's name of the metadata; firmware's (`imsm`, `ddf`) lie in a container. */
  readonly metadata: 'imsm' | 'ddf' | '1.2';
  readonly level: 0 | 1 | 5;
  /** Serial numbers of the disks that it was made of. */
  readonly members: readonly string[];
  readonly memberBytes: number;
  /** Of these the machine has so many. */
  readonly attached: number;
  /** Whether the file system that the test knows is in it. */
  readonly filled: boolean;
  /** What it must be: a disk, or nothing, its members shown as such. */
  readonly becomes: 'disk' | 'degraded disk' | 'nothing';
};

export const arrayCases: readonly ArrayCase[] = [
  {
    ...{ name: 'imsm-mirror', metadata: 'imsm', level: 1, members: ['A1', 'A2'], attached: 2 },
    ...{ memberBytes: 64 * mib, filled: false, becomes: 'disk' },
  },
  {
    ...{ name: 'imsm-stripe', metadata: 'imsm', level: 0, members: ['B1', 'B2'], attached: 2 },
    ...{ memberBytes: 32 * mib, filled: true, becomes: 'disk' },
  },
  {
    ...{ name: 'imsm-parity', metadata: 'imsm', level: 5, members: ['C1', 'C2', 'C3'], attached: 3 },
    ...{ memberBytes: 32 * mib, filled: true, becomes: 'disk' },
  },
  {
    ...{ name: 'imsm-half', metadata: 'imsm', level: 1, members: ['D1', 'D2'], attached: 1 },
    ...{ memberBytes: 64 * mib, filled: false, becomes: 'degraded disk' },
  },
  {
    ...{ name: 'imsm-torn', metadata: 'imsm', level: 0, members: ['E1', 'E2'], attached: 1 },
    ...{ memberBytes: 32 * mib, filled: true, becomes: 'nothing' },
  },
  {
    ...{ name: 'ddf-mirror', metadata: 'ddf', level: 1, members: ['F1', 'F2'], attached: 2 },
    ...{ memberBytes: 128 * mib, filled: false, becomes: 'disk' },
  },
  {
    ...{ name: 'linux-mirror', metadata: '1.2', level: 1, members: ['G1', 'G2'], attached: 2 },
    ...{ memberBytes: 48 * mib, filled: true, becomes: 'disk' },
  },
];

/** Captures and restores between arrays of the machine: what was written to must be whole and marked clean, and nothing else be touched. */
export const arrayCopies = [
  { from: 'linux-mirror', to: 'imsm-mirror' },
  { from: 'imsm-stripe', to: 'ddf-mirror' },
  { from: 'imsm-parity', to: 'imsm-half' },
] as const;
