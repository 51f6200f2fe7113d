// Machines with arrays, as data: how each array was made and what is left of it, and what the Deploy-OS must make of that (R2).

const mib = 2 ** 20;

export type ArrayCase = {
  readonly name: string;
  /** mdadm's name of the metadata; firmware's (`imsm`, `ddf`) lie in a container. */
  readonly metadata: 'imsm' | 'ddf' | '1.2' | '0.90';
  readonly level: 0 | 1 | 5;
  /** Serial numbers of the disks that it was made of. */
  readonly members: readonly string[];
  readonly memberBytes: number;
  /** Of these the machine has so many. */
  readonly attached: number;
  /** One more disk, which waits for a member to fail; of firmware's arrays it is in no volume. */
  readonly spare?: string;
  /** What is in it: the file system that the test knows, alone or in a partition. */
  readonly content: 'nothing' | 'files' | 'table';
  /** The machine lost power while it was being written. */
  readonly dirty?: true;
  /** The second member has other bytes at these places: they had reached only the first. */
  readonly unevenAtMiB?: readonly number[];
  /** What it must be: a disk, or nothing, its members shown as such. */
  readonly becomes: 'disk' | 'degraded disk' | 'nothing';
};

/** In what is restored onto it (which it holds already, so that nothing need be written there), and behind that. */
const uneven = { dirty: true, unevenAtMiB: [4, 22] } as const;

export const arrayCases: readonly ArrayCase[] = [
  {
    ...{ name: 'imsm-mirror', metadata: 'imsm', level: 1, members: ['A1', 'A2'], attached: 2 },
    ...{ memberBytes: 64 * mib, content: 'table', becomes: 'disk', ...uneven },
  },
  {
    ...{ name: 'imsm-stripe', metadata: 'imsm', level: 0, members: ['B1', 'B2'], attached: 2 },
    ...{ memberBytes: 32 * mib, content: 'files', becomes: 'disk' },
  },
  {
    ...{ name: 'imsm-parity', metadata: 'imsm', level: 5, members: ['C1', 'C2', 'C3'], attached: 3 },
    ...{ memberBytes: 32 * mib, content: 'files', becomes: 'disk' },
  },
  {
    ...{ name: 'imsm-half', metadata: 'imsm', level: 1, members: ['D1', 'D2'], attached: 1 },
    ...{ memberBytes: 64 * mib, content: 'nothing', becomes: 'degraded disk' },
  },
  {
    ...{ name: 'imsm-torn', metadata: 'imsm', level: 0, members: ['E1', 'E2'], attached: 1 },
    ...{ memberBytes: 32 * mib, content: 'files', becomes: 'nothing' },
  },
  {
    ...{ name: 'ddf-mirror', metadata: 'ddf', level: 1, members: ['F1', 'F2'], attached: 2 },
    ...{ memberBytes: 128 * mib, content: 'nothing', becomes: 'disk' },
  },
  {
    ...{ name: 'linux-mirror', metadata: '1.2', level: 1, members: ['G1', 'G2'], attached: 2 },
    ...{ memberBytes: 48 * mib, content: 'table', becomes: 'disk' },
  },
  {
    ...{ name: 'linux-dirty', metadata: '1.2', level: 1, members: ['H1', 'H2'], attached: 2 },
    ...{ memberBytes: 32 * mib, content: 'files', dirty: true, becomes: 'disk' },
  },
  {
    ...{ name: 'imsm-dirty', metadata: 'imsm', level: 1, members: ['I1', 'I2'], attached: 2 },
    ...{ memberBytes: 32 * mib, content: 'files', dirty: true, becomes: 'disk' },
  },
  {
    ...{ name: 'linux-spare', metadata: '1.2', level: 1, members: ['J1', 'J2'], attached: 2, spare: 'J3' },
    ...{ memberBytes: 48 * mib, content: 'files', becomes: 'disk', ...uneven },
  },
  {
    ...{ name: 'linux-short', metadata: '1.2', level: 1, members: ['K1', 'K2'], attached: 1, spare: 'K3' },
    ...{ memberBytes: 32 * mib, content: 'files', becomes: 'degraded disk' },
  },
  {
    ...{ name: 'old-mirror', metadata: '0.90', level: 1, members: ['L1', 'L2'], attached: 2 },
    ...{ memberBytes: 32 * mib, content: 'table', becomes: 'disk' },
  },
  {
    ...{ name: 'old-target', metadata: '0.90', level: 1, members: ['M1', 'M2'], attached: 2 },
    ...{ memberBytes: 48 * mib, content: 'nothing', becomes: 'disk' },
  },
  {
    ...{ name: 'ddf-torn', metadata: 'ddf', level: 0, members: ['N1', 'N2'], attached: 1 },
    ...{ memberBytes: 64 * mib, content: 'files', becomes: 'nothing' },
  },
  {
    ...{ name: 'imsm-spare', metadata: 'imsm', level: 1, members: ['Q1', 'Q2'], attached: 2, spare: 'Q3' },
    ...{ memberBytes: 32 * mib, content: 'files', becomes: 'disk' },
  },
  {
    ...{ name: 'ddf-spare', metadata: 'ddf', level: 1, members: ['R1', 'R2'], attached: 2, spare: 'R3' },
    ...{ memberBytes: 64 * mib, content: 'files', becomes: 'disk' },
  },
  {
    ...{ name: 'linux-cut', metadata: '1.2', level: 1, members: ['S1', 'S2'], attached: 2 },
    ...{ memberBytes: 32 * mib, content: 'files', becomes: 'disk', ...uneven },
  },
  {
    ...{ name: 'imsm-cut', metadata: 'imsm', level: 1, members: ['T1', 'T2'], attached: 2 },
    ...{ memberBytes: 32 * mib, content: 'files', becomes: 'disk', ...uneven },
  },
];

export const attachedOf = ({ members, attached, spare }: ArrayCase): string[] => [
  ...members.slice(0, attached),
  ...(spare === undefined ? [] : [spare]),
];

/** A spare of Intel's belongs to all arrays of its controller, and to none's container: mdadm leaves it alone. */
export const aloneOf = ({ metadata, spare }: ArrayCase): string[] =>
  metadata === 'imsm' && spare !== undefined ? [spare] : [];

type ArrayCopy = {
  readonly from: string;
  readonly to: string;
  /** The machine is off before the members have been compared. */
  readonly comparedLater?: true;
};

/**
 * Captures and restores between arrays of the machine: what was written to must be whole and marked clean, or as one whose members are to
 * be compared, and nothing else be touched.
 */
export const arrayCopies: readonly ArrayCopy[] = [
  { from: 'linux-mirror', to: 'imsm-mirror' },
  { from: 'imsm-stripe', to: 'ddf-mirror' },
  { from: 'imsm-parity', to: 'imsm-half' },
  { from: 'linux-dirty', to: 'linux-spare' },
  { from: 'imsm-dirty', to: 'linux-short' },
  { from: 'old-mirror', to: 'old-target' },
  { from: 'imsm-dirty', to: 'linux-cut', comparedLater: true },
  { from: 'imsm-dirty', to: 'imsm-cut', comparedLater: true },
];

/** Disks that were in a machine with another firmware RAID, and have its mark yet: where blkid looks for it, counted in sectors from the end. */
export const leftovers = [
  {
    ...{ serial: 'P1', sizeBytes: 32 * mib, sectorsFromEnd: 63, mark: 'Promise Technology, Inc.' },
    ...{ blkidName: 'promise_fasttrack_raid_member', words: /is a member of a firmware RAID \(Promise FastTrak\)/ },
  },
  {
    ...{ serial: 'P2', sizeBytes: 32 * mib, sectorsFromEnd: 1, mark: '$XIDE$' },
    ...{ blkidName: 'lsi_mega_raid_member', words: /is a member of a firmware RAID \(LSI MegaRAID\)/ },
  },
] as const;

/** Disks of one LVM group whose volume fills both, and the disks that they are copied to. */
export const spread = { group: ['V1', 'V2'], targets: ['W1', 'W2'] } as const;
