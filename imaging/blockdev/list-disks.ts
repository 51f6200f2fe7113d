// What a person calls the machine's disks, in an order that does not change from boot to boot (docs/disks.md).
import { readMemberRole } from './array-state.ts';
import { isBootMedium } from './boot-medium.ts';
import { readDeviceGraph } from './device-graph.ts';
import type { DeviceGraph, DeviceKind, DeviceNode } from './device-node.ts';
import { findUses, readUsers, type Users } from './device-uses.ts';
import type { Disk, DiskPart, DiskPartition } from './disk.ts';
import { type AtaDisk, findHiddenBytes, isAtaDisk, parseAtaLog, sumHiddenBytes } from './hidden-area.ts';
import { type Identity, identifyDisks, wwnOf } from './identify-disks.ts';
import { readAtaLog } from './kernel-log.ts';
import { readAtaLock, worstLock } from './locks.ts';
import { describeMembership } from './membership.ts';
import { comparePlaces } from './place.ts';
import { compareNumbered } from './sysfs.ts';

/** A disk and what is folded below it. */
type Candidate = {
  readonly node: DeviceNode;
  readonly members: readonly DeviceNode[];
  /** Where it hangs; an array, where its first member does. */
  readonly place: string;
  readonly location: Disk['location'];
};

/**
 * The machine's disks, internal ones first, then by where they hang, numbered from 1. Members of arrays and single paths of a LUN are
 * not listed: they stand under their array or LUN. `root` is `/`, or where a recorded tree lies.
 */
export async function listDisks(root = '/'): Promise<Disk[]> {
  const graph = await readDeviceGraph(root);
  const candidates: Candidate[] = [];
  for (const node of graph.values()) {
    if (kindsOfDisk.has(node.kind) && !(await isBootMedium(node))) candidates.push(toCandidate(graph, node));
  }
  const folded = new Set(candidates.flatMap(({ members }) => members.map(({ kernelName }) => kernelName)));
  const disks = candidates.filter(({ node }) => !folded.has(node.kernelName)).sort(compareCandidates);
  const identities = identifyDisks(disks.map(({ node, place }) => ({ ...node, place })));
  const ataDisks = await readAtaDisks(root, graph);
  const machine = { root, graph, users: await readUsers(root) };
  return await Promise.all(
    disks.map(async (disk, i) => ({
      ...(await toDisk(machine, disk, { ...(identities[i] as Identity), number: i + 1 })),
      hiddenBytes: hiddenBytesOf(disk, ataDisks),
    })),
  );
}

async function readAtaDisks(root: string, graph: DeviceGraph): Promise<ReadonlyMap<string, AtaDisk>> {
  const log = [...graph.values()].some(isAtaDisk) ? await readAtaLog(root) : null;
  return log === null ? new Map() : parseAtaLog(log);
}

function hiddenBytesOf({ node, members }: Candidate, ataDisks: ReadonlyMap<string, AtaDisk>): number | null {
  const devices = members.length === 0 ? [node] : members;
  return sumHiddenBytes(devices.map((device) => findHiddenBytes(device, ataDisks)));
}

const kindsOfDisk: ReadonlySet<DeviceKind> = new Set(['disk', 'array', 'multipath'] satisfies Disk['kind'][]);

function toCandidate(graph: DeviceGraph, node: DeviceNode): Candidate {
  const below = node.below.map((name) => graph.get(name)).filter((member) => member !== undefined);
  const members = [...below, ...unusedPaths(graph, node, below), ...sparesOf(graph, node)];
  const [first] = members.map(({ place }) => place).sort(comparePlaces);
  return { node, members, place: first ?? node.place, location: locate(node, members) };
}

/**
 * A path that has come, or come back, and that multipathd has not taken up yet: it leads to the same LUN, and is no second disk of that name.
 * It is one when all agrees that paths have in common (agent/1-boot/multipath.ts, `groupPaths`).
 */
function unusedPaths(graph: DeviceGraph, lun: DeviceNode, paths: readonly DeviceNode[]): DeviceNode[] {
  const wwn = wwnOf(lun);
  const [first] = paths;
  if (lun.kind !== 'multipath' || wwn === null || first === undefined) return [];
  return [...graph.values()].filter(
    ({ kernelName, kind, hardware, sizeBytes, above }) =>
      /^sd[a-z]+$/.test(kernelName) &&
      kind === 'disk' &&
      above.length === 0 &&
      hardware.wwn === wwn &&
      hardware.model === first.hardware.model &&
      hardware.bus === first.hardware.bus &&
      sizeBytes === lun.sizeBytes,
  );
}

/** Disks that are in the container of a firmware RAID and in none of its volumes: they wait for a member of any of these to fail. */
function sparesOf(graph: DeviceGraph, { kind, below }: DeviceNode): DeviceNode[] {
  if (kind !== 'array') return [];
  const isArray = (name: string) => graph.get(name)?.kind === 'array';
  const containers = [...graph.values()].filter((other) => other.kind === 'container');
  const own = containers.filter((container) => container.below.some((name) => below.includes(name)));
  const held = own.flatMap((container) => container.below.map((name) => graph.get(name)));
  return held.filter((node) => node !== undefined).filter(({ above }) => !above.some(isArray));
}

const order: readonly Disk['location'][] = ['internal', 'removable', 'virtual', 'partitions'];

function locate(node: DeviceNode, members: readonly DeviceNode[]): Disk['location'] {
  if (members.some(({ kind }) => kind === 'partition' || kind === 'mapping')) return 'partitions';
  const all = members.length > 0 ? members : [node];
  if (all.some(({ place }) => /^virtual\/(?!nvme-fabrics)/.test(place))) return 'virtual';
  return all.some(({ removable }) => removable) ? 'removable' : 'internal';
}

function compareCandidates(a: Candidate, b: Candidate): number {
  return (
    order.indexOf(a.location) - order.indexOf(b.location) ||
    comparePlaces(a.place, b.place) ||
    compareNumbered(a.node.kernelName, b.node.kernelName)
  );
}

/** All that one look goes by. */
type Looked = { readonly root: string; readonly graph: DeviceGraph; readonly users: Users };

type Named = Identity & Pick<Disk, 'number'>;

async function toDisk(
  machine: Looked,
  { node, members, place, location }: Candidate,
  named: Named,
): Promise<Omit<Disk, 'hiddenBytes'>> {
  const { kernelName, devicePath, sizeBytes, sectorSizeBytes, physicalSectorSizeBytes } = node;
  const { hardware, readOnly, array, contents } = node;
  const [first] = members;
  const parts = await Promise.all(members.map((member) => toPart(member, node)));
  return {
    ...named,
    ...{ kernelName, devicePath, kind: node.kind as Disk['kind'], sizeBytes, sectorSizeBytes, physicalSectorSizeBytes },
    model: hardware.model ?? node.dmName ?? array?.level ?? null,
    serial: hardware.serial,
    wwn: wwnOf(node),
    bus: hardware.bus,
    locks: {
      ata: worstLock((members.length === 0 ? [node] : members).map(({ udev }) => readAtaLock(udev))),
      opal: null,
    },
    ...{ place, location, readOnly, array, contents },
    parts: [...parts, ...(await pathsOfNamespace(machine.graph, node))],
    controller: node.controller ?? first?.controller ?? null,
    linkSpeed: node.linkSpeed ?? first?.linkSpeed ?? null,
    removable: [node, ...members].some(({ removable }) => removable),
    inUseBy: await describeUses(machine, node),
    members: members.map((member) => member.devicePath),
    partitions: await listPartitionsOf(machine, node),
  };
}

async function toPart(part: DeviceNode, of: DeviceNode): Promise<DiskPart> {
  const { kernelName, devicePath, hardware, place, state } = part;
  const { model, serial } = hardware;
  // A path that is not taken up, a spare in a container.
  const isBeside = !of.below.includes(kernelName);
  const role = isBeside && of.kind === 'array' ? 'spare' : await readMemberRole(of.directory, kernelName);
  return { devicePath, model, serial, place, state: isBeside && of.kind === 'multipath' ? 'unused' : state, role };
}

/** The kernel folds the paths of a namespace itself, and hides them. */
async function pathsOfNamespace(graph: DeviceGraph, node: DeviceNode): Promise<DiskPart[]> {
  const [, subsystem, namespace] = /^nvme(\d+)n(\d+)$/.exec(node.kernelName) ?? [];
  if (subsystem === undefined) return [];
  const pattern = new RegExp(`^nvme${subsystem}c\\d+n${namespace}$`);
  const paths = [...graph.values()].filter(({ kernelName }) => pattern.test(kernelName));
  return await Promise.all(paths.map(async (path) => ({ ...(await toPart(path, node)), devicePath: path.kernelName })));
}

async function listPartitionsOf({ root, graph, users }: Looked, disk: DeviceNode): Promise<DiskPartition[]> {
  const partitions: DiskPartition[] = [];
  for (const node of graph.values()) {
    const { partOf, partitionNumber, devicePath, sizeBytes, contents } = node;
    if (partOf !== disk.kernelName || partitionNumber === null) continue;
    const uses = (await findUses(root, { device: node }, users)).filter(({ text }) => text.startsWith(devicePath));
    partitions.push({
      number: partitionNumber,
      devicePath,
      sizeBytes,
      contents,
      inUseBy: uses.map(({ text }) => text),
    });
  }
  return partitions.sort((a, b) => a.number - b.number);
}

async function describeUses({ root, users }: Looked, node: DeviceNode): Promise<string[]> {
  const uses = (await findUses(root, { device: node }, users)).map((use) => use.text);
  return [...uses, ...(await describeMembership(root, node))];
}
