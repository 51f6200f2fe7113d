// What the `image` verbs print for people.
import type { CaptureResult } from '../imaging/capture.ts';
import type { Growth } from '../imaging/fit/grow-partition.ts';
import { describePlace, type IdChange, type KeptId, type NewIds } from '../imaging/fit/new-ids.ts';
import type { Manifest } from '../imaging/manifest/manifest.ts';
import type { System } from '../imaging/manifest/system.ts';
import type { PartitionPlan } from '../imaging/plan-partition.ts';
import type { RestorePlan } from '../imaging/plan-restore.ts';
import { describeSystem } from '../imaging/preflight/finding.ts';
import { describeLost } from '../imaging/rescue/describe-loss.ts';
import type { RestoreResult } from '../imaging/restore.ts';
import type { RestorePartitionResult } from '../imaging/restore-partition.ts';
import type { KeptSetting, SettingChange, SettingsResult } from '../imaging/settings/settings.ts';
import type { ManifestEntry } from '../imaging/store/chunk-store.ts';
import type { VerifyResult } from '../imaging/verify.ts';
import type { WrittenImage } from '../imaging/write-image.ts';
import type { ImageDetails } from '../protocol/image.ts';
import type { ImageHealth } from '../protocol/image-check.ts';
import { describeFinding, formatBytes, printTable } from './output.ts';

export function printCapture(result: CaptureResult): void {
  const { slots, slotsZero, slotsKnown, slotsSent, slotsPatched } = result;
  printFacts([
    ['image', result.name],
    ['disk', formatBytes(result.sizeBytes)],
    ['read', `${formatBytes(result.bytesRead)} used`],
    ['sent', `${formatBytes(result.bytesSent)} for ${formatBytes(result.bytesNew)} that the store did not have`],
    ['chunks', `${slots}: ${slotsSent} sent (${slotsPatched} as patches), ${slotsKnown} known, ${slotsZero} zero`],
    ...(result.lostBytes === 0 ? [] : [['lost', `${result.lostBytes} bytes could not be read`] as const]),
    ['time', timeAndRate(result.seconds, result.bytesRead)],
    ['root', result.rootDigest],
  ]);
}

export function printRestore(result: RestoreResult, disk: string): void {
  printFacts([['image', result.name], ['disk', disk], ...describeWritten(result)]);
}

export function printPartitionRestore(result: RestorePartitionResult, disk: string): void {
  const { name, partition, toPartition } = result;
  printFacts([
    ['image', `${name}, partition ${partition}`],
    ['target', toPartition === 0 ? disk : `${disk}, partition ${toPartition}`],
    ...describeWritten(result),
  ]);
}

type Finished = Omit<WrittenImage, 'rootDigest'> &
  Pick<RestoreResult, 'escrow' | 'grown' | 'newIds'> &
  Partial<Pick<RestoreResult, 'settings'>>;

function describeWritten(result: Finished): (readonly [string, string])[] {
  const phases = Object.entries(result.secondsByPhase).map(([phase, seconds]) => `${phase} ${seconds.toFixed(1)}`);
  const { bytesReused, bytesCopied } = result;
  return [
    ['right already', `${formatBytes(bytesReused)}, and ${formatBytes(bytesCopied)} elsewhere on the disk`],
    ['fetched', formatBytes(result.bytesFetched)],
    ['written', formatBytes(result.bytesWritten)],
    ['read back', `${formatBytes(result.bytesVerified)}, as captured`],
    ['saved', result.escrow ?? 'nothing: undo is not possible'],
    ['unused', result.discarded ? 'discarded' : 'left as it was'],
    ...(result.grown === null ? [] : [['grown', describeGrowth(result.grown)] as const]),
    ...describeIds(result.newIds),
    ...describeSettings(result.settings ?? null),
    ['time', `${timeAndRate(result.seconds, result.usedBytes)} (${phases.join(', ')})`],
  ];
}

function describeGrowth({ partition, oldSizeBytes, sizeBytes, fileSystem, fileSystemGrown, volume }: Growth): string {
  const what = partition === 0 ? '' : `partition ${partition} `;
  const content = `${fileSystem ?? 'content'} ${fileSystemGrown ? 'too' : 'not'}`;
  const inside =
    volume === null
      ? ''
      : `; ${volume.name} from ${formatBytes(volume.oldSizeBytes)} to ${formatBytes(volume.sizeBytes)}, its ${volume.fileSystem} too`;
  return `${what}from ${formatBytes(oldSizeBytes)} to ${formatBytes(sizeBytes)}, its ${content}${inside}`;
}

/** One line an id: old → new, or why it is still the old one. */
function describeIds(newIds: NewIds | null): (readonly [string, string])[] {
  if (newIds === null) return [];
  const changed = newIds.changed.map((id) => ['new id', `${nameOf(id)}: ${id.oldId ?? 'none'} → ${id.newId}`] as const);
  const kept = newIds.kept.map((id) => ['old id', `${nameOf(id)}: ${id.id ?? 'none'}, ${id.why}`] as const);
  return [...changed, ...kept];
}

function describeSettings(settings: SettingsResult | null): (readonly [string, string])[] {
  if (settings === null) return [];
  const at = (place: SettingChange | KeptSetting) => [describePlace(place, ''), place.file].filter(Boolean).join(', ');
  const changed = settings.changed.map(
    (one) => ['set', `${at(one)}: ${one.value ?? 'no longer tied to cards'}`] as const,
  );
  const kept = settings.kept.map((one) => ['not set', `${at(one)}: ${one.why}`] as const);
  return [...changed, ...kept];
}

function nameOf(id: IdChange | KeptId): string {
  const place = describePlace(id, '');
  const what = 'of' in id && id.of !== 'file-system' && id.of !== 'partition' ? id.of : (id.fileSystem ?? '');
  return [place, what].filter(Boolean).join(', ');
}

export function printPlan(plan: RestorePlan): void {
  printFacts([
    ['image', `${plan.image.name} (${plan.image.id})`],
    ...describePlanned(plan),
    ['to write', describeWrite(plan.write)],
  ]);
  printRemarks(plan);
}

export function printPartitionPlan(plan: PartitionPlan): void {
  const { from, number, startBytes, sizeBytes } = plan.partition;
  const where = number === 0 ? 'all of the target' : `partition ${number}, which starts at byte ${startBytes}`;
  printFacts([
    ['image', `${plan.image.name} (${plan.image.id}), partition ${from}`],
    ...describePlanned(plan),
    ['to overwrite', `${where}: ${formatBytes(sizeBytes)}, and nothing else`],
    ['to write', describeWrite(plan.write)],
  ]);
  printRemarks(plan);
}

function printRemarks({ warnings, findings }: Pick<RestorePlan, 'warnings' | 'findings'>): void {
  for (const warning of warnings) process.stdout.write(`warning: ${warning}\n`);
  for (const finding of findings) process.stdout.write(`${describeFinding(finding)}\n`);
}

type ToWrite = Pick<RestorePlan['write'], 'usedBytes' | 'holes' | 'newIds'> &
  Partial<Pick<RestorePlan['write'], 'hostName' | 'newIdentity'>>;

function describeWrite({ usedBytes, holes, newIds, hostName, newIdentity }: ToWrite): string {
  return [
    ...[`${formatBytes(usedBytes)} used`, `unused: ${holes}`],
    ...(newIds ? ['new ids'] : []),
    ...(hostName === undefined ? [] : [`host name ${hostName}`]),
    ...(newIdentity === true ? ['machine id and SSH keys of its own'] : []),
  ].join('; ');
}

function describePlanned({ target, present }: Pick<RestorePlan, 'target' | 'present'>): (readonly [string, string])[] {
  const parts = present.partitions.map(
    ({ number, sizeBytes, name }) => `${number}: ${formatBytes(sizeBytes)} ${name ?? ''}`,
  );
  const table = present.table === 'none' ? 'no partition table' : `${present.table.toUpperCase()} ${present.diskId}`;
  return [
    ['target', target.label],
    ['wwn', target.wwn ?? 'none'],
    ['size', `${formatBytes(target.sizeBytes)}, sectors of ${target.sectorSizeBytes}`],
    ['holds now', target.exists ? [table, ...parts.map((part) => part.trim())].join('; ') : 'nothing: it will be made'],
    ...(present.unfinished === null ? [] : [['unfinished', `the restore of '${present.unfinished}'`] as const]),
  ];
}

export function printVerify(result: VerifyResult): void {
  for (const { code, offsetBytes, lengthBytes, digest } of result.problems) {
    process.stdout.write(`${code} bytes ${offsetBytes} to ${offsetBytes + lengthBytes - 1} chunk ${digest}\n`);
  }
  const verdict = result.problemCount === 0 ? 'whole' : `${result.problemCount} damaged places`;
  printFacts([
    ['image', result.name],
    ['checked', `${result.slots} chunks, ${formatBytes(result.bytesFetched)}`],
    ['time', timeAndRate(result.seconds, result.usedBytes)],
    ['verdict', verdict],
  ]);
}

export function printManifest(manifest: Manifest): void {
  const { geometry, source, parent, importedFrom } = manifest;
  printFacts([
    ['image', manifest.name],
    ['id', manifest.id],
    importedFrom === undefined
      ? ['captured', `${manifest.createdAt} from ${source.label}`]
      : ['imported', `${manifest.createdAt} from ${importedFrom.name} (${importedFrom.format})`],
    ['disk', `${formatBytes(geometry.sizeBytes)}, sectors of ${geometry.sectorSizeBytes}, table ${geometry.table}`],
    ['used', formatBytes(manifest.usedBytes)],
    ...(parent === null ? [] : [['parent', parent.name] as const]),
    ['root', manifest.rootDigest],
  ]);
  process.stdout.write('\n');
  printTable(
    ['#', 'start', 'size', 'used', 'file system', 'reader', 'label', 'uuid'],
    manifest.partitions.flatMap((p) => [
      [String(p.number), formatBytes(p.startBytes), ...describeContent(p, p.partitionName)],
      ...(p.volumes ?? []).map((volume) => ['', volume.name, ...describeContent(volume, null)]),
    ]),
  );
  for (const system of manifest.systems ?? []) printSystem(system);
  printLoss(manifest);
  for (const warning of manifest.warnings) process.stdout.write(`warning: ${warning}\n`);
}

/** Damage as loud as what could not be read. Of an encrypted image the server verifies what is sealed. */
export function printHealth({ health: { verify, prove, active }, keyId }: ImageDetails): void {
  const words = (verdict: ImageHealth['verify'], good: string) => {
    if (verdict === null) return 'never';
    return verdict.outcome === 'passed' ? `${good} at ${verdict.at}` : `FAILED at ${verdict.at} (${verdict.code})`;
  };
  process.stdout.write(
    `\nverified: ${words(verify, keyId === null ? 'whole' : 'sealed chunks whole, not decrypted,')}\nproved: ${words(prove, 'proved')}\n`,
  );
  if (active.length > 0) process.stdout.write(`under way: ${active.join(', ')}\n`);
}

export function printSystem(system: System): void {
  const { domain, domainController, inDomain, version, bootDrivers, teams, fixedNames } = system;
  const role = domainController ? 'domain controller' : 'domain member';
  const facts = [
    ...(version === null ? [] : [`version ${version}`]),
    ...(inDomain || domainController ? [`${role}${domain === null ? '' : ` of ${domain}`}`] : []),
    ...(teams?.length ? [`joins network cards: ${teams.join(', ')}`] : []),
    ...(fixedNames?.length ? [`tied to network cards: ${fixedNames.join(', ')}`] : []),
    ...(bootDrivers?.length ? [`boots with ${bootDrivers.join(', ')}`] : []),
  ];
  process.stdout.write(`system: ${[describeSystem(system), ...facts].join('; ')}\n`);
}

/** As loud as a table can be: in the place of these bytes are zeros. */
function printLoss(manifest: Manifest): void {
  const loss = describeLost(manifest);
  if (loss === null) return;
  process.stdout.write(`\nLOST: ${loss}\n`);
  for (const { startBytes, lengthBytes } of manifest.lost ?? []) {
    process.stdout.write(`lost: bytes ${startBytes} to ${startBytes + lengthBytes - 1}\n`);
  }
  for (const { partition, path } of manifest.lostFiles ?? []) {
    process.stdout.write(`damaged file${partition === 0 ? '' : ` on partition ${partition}`}: ${path}\n`);
  }
}

type Content = Pick<
  Manifest['partitions'][0],
  'sizeBytes' | 'usedBytes' | 'fileSystem' | 'reader' | 'fileSystemLabel' | 'fileSystemUuid'
>;

function describeContent(content: Content, name: string | null): string[] {
  return [
    formatBytes(content.sizeBytes),
    formatBytes(content.usedBytes),
    content.fileSystem ?? '-',
    content.reader,
    content.fileSystemLabel ?? name ?? '-',
    content.fileSystemUuid ?? '-',
  ];
}

export function printImages(images: readonly ManifestEntry[]): void {
  printTable(
    ['name', 'disk', 'captured', 'id', 'encrypted'],
    images.map(({ name, sizeBytes, createdAt, id, keyId }) => [
      name,
      formatBytes(sizeBytes),
      createdAt,
      id,
      keyId === undefined ? '-' : `with ${keyId}`,
    ]),
  );
}

function printFacts(facts: readonly (readonly [string, string])[]): void {
  const width = Math.max(...facts.map(([name]) => name.length));
  for (const [name, value] of facts) process.stdout.write(`${name.padEnd(width)}  ${value}\n`);
}

function timeAndRate(seconds: number, bytes: number): string {
  return `${seconds.toFixed(1)} s, ${formatBytes(Math.round(bytes / Math.max(seconds, 0.001)))}/s`;
}
