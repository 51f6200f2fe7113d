// The recipe of a capture: map the used bytes, send what the store lacks, and make the image visible last.
import { randomUUID } from 'node:crypto';
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { checkSource } from './blockdev/check-source.ts';
import { listDisks } from './blockdev/list-disks.ts';
import { openReader } from './blockdev/open-reader.ts';
import { throwIfCancelled } from './cancelled.ts';
import {
  type CaptureCounts,
  type CaptureSegmentsOptions,
  captureSegments,
  noCounts,
} from './chunk/capture-segments.ts';
import type { DeviceAccess } from './chunk/device-io.ts';
import { segmentSizeBytes } from './chunk/slots.ts';
import { defaultLevel } from './chunk/stored-chunk.ts';
import type { DiskMap } from './disk-map.ts';
import { totalBytes } from './extent.ts';
import { selectPartitions } from './fit/select-partitions.ts';
import { normalizeImageName } from './manifest/image-name.ts';
import { loadManifest } from './manifest/load-image.ts';
import { type Manifest, sealManifest } from './manifest/manifest.ts';
import { readTableSectors, type TableSectors } from './manifest/table-sectors.ts';
import { mapDisk, warnOfNotes } from './map.ts';
import { findNewestImage, isImageOf } from './newest-image.ts';
import { openParent } from './parent-segment.ts';
import { type CheckedCapture, checkCapture } from './preflight/check-capture.ts';
import type { Finding, FindingOptions } from './preflight/finding.ts';
import type { RunOptions } from './progress.ts';
import { describeLoss, type Loss } from './rescue/describe-loss.ts';
import { type RescuedSegments, rescueSegments } from './rescue/rescue-segments.ts';
import type { ChunkStore, Digest } from './store/chunk-store.ts';

/** docs/decisions/009-chunk-size.md */
const defaultChunkSizeBytes = 2 ** 20;

export type CaptureOptions = RunOptions &
  FindingOptions & {
    /** A disk, partition or disk file; read only. */
    readonly sourcePath: string;
    readonly imageName: string;
    readonly store: ChunkStore;
    /** zstd level, 1 to 19. */
    readonly level?: number;
    /**
     * An image of the same disk: its list of chunks answers before the store is asked. The newest one is found if none is
     * named; null is for none.
     */
    readonly parentName?: string | null;
    /** Capture a member of an array as if it were a disk. */
    readonly allowMember?: boolean;
    /** Go on although other machines may use the disk: a cluster's file system is on it. */
    readonly allowShared?: boolean;
    /** Only these partitions, by number; the image still describes the whole disk. */
    readonly partitions?: readonly number[];
    readonly workers?: number;
    readonly chunkSizeBytes?: number;
    /** A UUID for the image. If the name is taken by the image with this id, an earlier attempt had finished: that is the answer. */
    readonly imageId?: string;
    /** Also every byte outside of partitions, not only where something is known to live. */
    readonly unpartitioned?: boolean;
    /** The source has bad sectors: save what can be read, and say in the manifest what is lost. */
    readonly rescue?: boolean;
    /** The source is an image of another kind, or was put together from one. */
    readonly imported?: ImportedSource;
  };

export type ImportedSource = {
  /** What a person gave, and what it was: both stand in the manifest. */
  readonly name: string;
  readonly format: string;
  /** What of the source is known; without it the source is mapped like a disk. */
  readonly map?: DiskMap;
};

export type CaptureResult = CaptureCounts & {
  readonly id: string;
  readonly name: string;
  readonly rootDigest: Digest;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  /** Used bytes that could not be read. */
  readonly lostBytes: number;
  readonly seconds: number;
  readonly warnings: readonly string[];
  /** What was found on the disk before it was read; of an earlier attempt that had finished nothing. */
  readonly findings: readonly Finding[];
};

/**
 * Captures the used bytes of a disk as an image. Until it returns nothing of the image is visible.
 * @throws image-exists, source-held, source-member, disk-locked, shared-disk, source-read, source-vanished, device-not-found, store-full, store-io, cancelled, …
 */
export async function captureImage(options: CaptureOptions): Promise<CaptureResult> {
  const startedMs = performance.now();
  const { sourcePath, store, signal, imported } = options;
  const name = normalizeImageName(options.imageName);
  const warnings: string[] = [];
  const run = { ...options, onWarning: (message: string) => warn(message, warnings, options) };
  try {
    const finished = await findFinished(store, name, options.imageId, signal);
    if (finished !== null) return summarize(finished, noCounts, [], startedMs);
    const named = typeof options.parentName === 'string' ? await loadManifest(store, options.parentName, signal) : null;
    await checkSource(sourcePath, { allowMember: options.allowMember ?? false }).catch(goOnIfRescuing(run));
    const whole = imported?.map ?? (await mapDisk(sourcePath, { ...run, ...outsideOf(options) }));
    if (imported?.map !== undefined) warnOfNotes(whole, imported.name, run);
    const map = options.partitions === undefined ? whole : selectPartitions(whole, options.partitions);
    const checked = await checkCapture(sourcePath, map, run);
    const source = await describeSource(sourcePath, map, run);
    const parent = options.parentName === undefined ? await findParent(options, source, map) : named;
    const describe = (segments: (Digest | null)[], patches: Digest | null, loss: Loss | null) =>
      sealManifest({
        ...draft(name, options, map, source, parent, segments, patches, warnings, loss),
        ...systemsOf(checked),
      });
    // A description that cannot be stored is better known before the reading than after it.
    describe(
      Array.from({ length: Math.ceil(map.sizeBytes / segmentSizeBytes) }, () => null),
      null,
      null,
    );
    throwIfCancelled(signal);
    const captured = await readSegments(map, {
      ...run,
      source: { ...deviceOf(map), path: sourcePath, label: source.label, role: 'source', mode: 'read' },
      chunkSizeBytes: options.chunkSizeBytes ?? defaultChunkSizeBytes,
      level: options.level ?? defaultLevel,
      parentSegment: await openParent(store, parent, signal),
    });
    await store.flush(signal);
    const loss = captured.lost.length === 0 ? null : await describeLoss(sourcePath, map, captured.lost, run);
    const { manifest, bytes } = describe(captured.segments, captured.patches, loss);
    await store.putManifest(name, bytes, signal);
    return summarize(manifest, captured.counts, checked.findings, startedMs);
  } catch (thrown) {
    const doing = imported === undefined ? `capturing ${sourcePath}` : `importing ${imported.name}`;
    throw toDeployError(thrown).during(`${doing} as '${name}'`);
  }
}

/** Of single partitions nothing else is captured, and that needs no note. */
function outsideOf({ partitions, unpartitioned = false }: CaptureOptions): Pick<CaptureOptions, 'unpartitioned'> {
  return { unpartitioned: unpartitioned || partitions !== undefined };
}

/** What a thread needs to say where a bad sector is. */
function deviceOf({ sectorSizeBytes, partitions }: DiskMap): Pick<DeviceAccess, 'sectorSizeBytes' | 'partitions'> {
  const places = partitions.map(({ number, startBytes, sizeBytes }) => ({ number, startBytes, sizeBytes }));
  return { sectorSizeBytes, partitions: places };
}

/** A bad sector among what is only looked at does not end a rescue. */
function goOnIfRescuing({
  rescue,
  onWarning,
}: Pick<CaptureOptions, 'rescue' | 'onWarning'>): (thrown: unknown) => void {
  return (thrown) => {
    const { code, message } = toDeployError(thrown);
    if (rescue !== true || code !== 'source-read') throw thrown;
    onWarning?.(message);
  };
}

async function readSegments(
  map: DiskMap,
  options: CaptureSegmentsOptions & { rescue?: boolean },
): Promise<RescuedSegments> {
  if (options.rescue === true) return rescueSegments(map, options);
  return { ...(await captureSegments(map, options)), lost: [] };
}

function warn(message: string, warnings: string[], options: RunOptions): void {
  warnings.push(message.slice(0, 4096));
  options.onWarning?.(message);
}

/** Refuses a name that is taken before long work begins. @throws image-exists */
export async function checkNameFree(store: ChunkStore, imageName: string, signal?: AbortSignal): Promise<void> {
  await findFinished(store, normalizeImageName(imageName), undefined, signal);
}

/** What an earlier attempt of this capture left. A taken name is better known now than after an hour; `putManifest` has the last word. */
async function findFinished(
  store: ChunkStore,
  name: string,
  imageId: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Manifest | null> {
  const manifest = await loadManifest(store, name, signal).catch((thrown: unknown) => {
    if (toDeployError(thrown).code === 'image-not-found') return null;
    throw thrown;
  });
  if (manifest === null || manifest.id === imageId) return manifest;
  throw new DeployError('image-exists', `there is already an image '${name}' in ${store.label}`, {
    hint: 'Choose another name, or delete that image first (`deploy-os image delete`).',
  });
}

async function findParent(options: CaptureOptions, source: Source, map: DiskMap): Promise<Manifest | null> {
  const chunkSizeBytes = options.chunkSizeBytes ?? defaultChunkSizeBytes;
  const wanted = (manifest: Manifest) => manifest.chunkSizeBytes === chunkSizeBytes && isImageOf(manifest, source, map);
  return await findNewestImage(options.store, wanted, options.signal);
}

type Source = Manifest['source'] & { readonly tableSectors: TableSectors[] };

async function describeSource(
  sourcePath: string,
  map: DiskMap,
  run: Pick<CaptureOptions, 'imported' | 'rescue' | 'onWarning'>,
): Promise<Source> {
  const { imported } = run;
  const reader = await openReader(sourcePath);
  try {
    const tableSectors = await readTableSectors(reader, map).catch((thrown: unknown) => {
      goOnIfRescuing(run)(thrown);
      return [];
    });
    if (imported !== undefined) return { label: imported.name, model: null, serial: null, tableSectors };
    const disk = (await listDisks()).find(({ devicePath }) => devicePath === sourcePath);
    return { label: reader.label, model: disk?.model ?? null, serial: disk?.serial ?? null, tableSectors };
  } finally {
    await reader.close();
  }
}

function draft(
  name: string,
  options: CaptureOptions,
  map: DiskMap,
  { tableSectors, ...source }: Source,
  parent: Manifest | null,
  segments: (Digest | null)[],
  patches: Digest | null,
  warnings: readonly string[],
  loss: Loss | null,
) {
  const last = map.used.at(-1);
  return {
    id: options.imageId ?? randomUUID(),
    name,
    createdAt: new Date().toISOString(),
    toolVersion: '0.1.0',
    source,
    geometry: {
      sizeBytes: map.sizeBytes,
      sectorSizeBytes: map.sectorSizeBytes as 512 | 4096,
      table: map.table,
      diskId: map.diskId,
    },
    partitions: map.partitions.map((partition) => ({ ...partition, notes: [...partition.notes] })),
    ...(options.partitions === undefined ? {} : { capturedPartitions: [...options.partitions] }),
    tableSectors,
    chunkSizeBytes: options.chunkSizeBytes ?? defaultChunkSizeBytes,
    usedBytes: totalBytes(map.used),
    usedEndBytes: last === undefined ? 0 : last.startBytes + last.lengthBytes,
    segments,
    ...(patches === null ? {} : { patches }),
    parent: parent === null ? null : { id: parent.id, name: parent.name, rootDigest: parent.rootDigest },
    warnings: warnings.slice(0, 1000),
    ...(loss ?? {}),
    ...(options.imported === undefined
      ? {}
      : { importedFrom: { name: options.imported.name, format: options.imported.format } }),
  };
}

function systemsOf({ systems }: CheckedCapture): Pick<Manifest, 'systems'> {
  return systems.length === 0 ? {} : { systems: [...systems] };
}

function summarize(
  manifest: Manifest,
  counts: CaptureCounts,
  findings: readonly Finding[],
  startedMs: number,
): CaptureResult {
  const { id, name, rootDigest, geometry, usedBytes, warnings } = manifest;
  const lostBytes = totalBytes(manifest.lost ?? []);
  const seconds = Math.round(performance.now() - startedMs) / 1000;
  return {
    id,
    name,
    rootDigest,
    sizeBytes: geometry.sizeBytes,
    usedBytes,
    lostBytes,
    seconds,
    warnings,
    findings,
    ...counts,
  };
}
