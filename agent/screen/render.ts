// Turns the status into text: a full page for a screen, one line for a serial console. Pure functions, nothing is written here.

import { formatBytes } from '../../protocol/format-bytes.ts';
import { errorWords, nameNic } from './describe-nic.ts';
import { formatDuration, printable } from './format.ts';
import type { JobView, LogLine, StatusModel } from './status.ts';
import { clipColumns, padColumns } from './width.ts';
import type { Words } from './words/words.ts';

export type PageSize = { readonly columns: number; readonly rows: number };

/** Of the column with the titles. */
const titleColumns = 12;
const shownNics = 8;
const nicsWithResult = shownNics / 2;
const shownDisks = 8;

/** The page as exactly `rows` lines, none wider than `columns`; the newest messages fill what room is left. */
export function renderPage(model: StatusModel, { columns, rows }: PageSize, words: Words): string[] {
  const { page } = words;
  const lines = [
    `${titled('Deploy-OS', model.serverUrl)}   ${model.connected ? page.connected : page.notConnected}`,
    titled(page.machine, machineWords(model, words)),
    titled(page.status, model.stage(words)),
    ...model.waitingFor.map((say) => titled('', say(words))),
    '',
    ...listOf(page.nic, nicLines(model, words), { limit: shownNics, words }),
    ...listOf(
      page.disk,
      model.disks.map((disk) => diskWords(disk, words)),
      { limit: shownDisks, words },
    ),
    '',
    ...(model.job === null ? [] : [...jobLines(model.job, columns, words), '']),
  ];
  const room = Math.max(0, rows - lines.length);
  const messages = room === 0 ? [] : model.messages.slice(-room).map((line) => messageWords(line, words));
  return [...lines, ...messages, ...Array<string>(rows).fill('')]
    .slice(0, rows)
    .map((line) => clipColumns(printable(line), columns));
}

/** One line that says where the machine stands; drawn again only when it differs. */
export function renderLine(model: StatusModel, words: Words): string {
  const parts = [
    model.machineName ?? 'Deploy-OS',
    model.job === null ? model.stage(words) : jobWords(model.job, words),
  ];
  if (model.job === null) parts.push(...model.waitingFor.map((say) => say(words)));
  if (!model.connected && model.job !== null) parts.push(words.page.serverNotConnected);
  return printable(parts.join(' | '));
}

export function messageWords({ level, message }: LogLine, words: Words): string {
  return printable(words.level[level](message));
}

function machineWords({ machineName, machineState }: StatusModel, { page }: Words): string {
  if (machineName === null) return page.notRegistered;
  return machineState === 'pending' ? page.awaitsApproval(machineName) : machineName;
}

function titled(title: string, text: string): string {
  return padColumns(title, titleColumns) + text;
}

type ListStyle = { readonly limit: number; readonly words: Words };

function listOf(title: string, items: readonly string[], { limit, words: { page } }: ListStyle): string[] {
  if (items.length === 0) return [titled(title, page.none)];
  const lines = items.slice(0, limit).map((item, i) => titled(i === 0 ? title : '', item));
  return items.length > limit ? [...lines, titled('', page.more(items.length - limit))] : lines;
}

/** What came of it stands on a line of its own, as long as there is room for that. */
function nicLines({ nics, nicResults }: StatusModel, words: Words): string[] {
  return nics.flatMap((nic) => {
    const own = nicResults.get(nic.name)?.(words) ?? nic.result ?? nic.addresses.slice(0, 2).join(' ');
    const rest = [...(own === '' ? [] : [own]), ...errorWords(nic, words)].join(', ');
    if (nics.length > nicsWithResult) return [`${nameNic(nic, words)}, ${rest}`];
    return [nameNic(nic, words), ...(rest === '' ? [] : [`  ${rest}`])];
  });
}

function diskWords(disk: StatusModel['disks'][number], { page }: Words): string {
  const used = disk.inUseBy.length > 0 ? ` ${page.inUse(disk.inUseBy.join(', '))}` : '';
  return `${disk.number}: ${disk.devicePath} ${disk.model ?? '-'} ${disk.serial ?? '-'} ${formatBytes(disk.sizeBytes)}${used}`;
}

function jobLines(job: JobView, columns: number, words: Words): string[] {
  const width = Math.max(10, Math.min(50, columns - 32));
  const share = shareOf(job);
  const filled = Math.round(share * width);
  return [
    titled(words.page.job, words.job.title(job.title, job.step + 1, job.steps)),
    titled(
      '',
      `${padColumns(phaseWords(job, words), 10)} [${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${Math.floor(share * 100)} %`,
    ),
    titled('', `${amount(job, words)}, ${rate(job, words)}, ${words.job.network(formatBytes(job.bytesTransferred))}`),
  ];
}

function jobWords(job: JobView, words: Words): string {
  const phase = phaseWords(job, words);
  if (job.bytesTotal === 0) return `${job.title} | ${phase}`;
  const percent = `${Math.floor(shareOf(job) * 100)} %`;
  return `${job.title} | ${phase} ${percent} | ${amount(job, words)} | ${rate(job, words)}`;
}

function phaseWords({ phase }: JobView, words: Words): string {
  const known: Record<string, string> = words.phase;
  return Object.hasOwn(known, phase) ? (known[phase] ?? phase) : phase;
}

function amount({ bytesDone, bytesTotal }: JobView, words: Words): string {
  return words.job.bytes(formatBytes(bytesDone), formatBytes(bytesTotal));
}

function rate(job: JobView, words: Words): string {
  const { bytesDone, bytesTotal, bytesPerSecond } = job;
  const now = words.job.rate(formatBytes(bytesPerSecond));
  if (bytesPerSecond <= 0 || bytesDone >= bytesTotal) return now;
  return `${now}, ${words.job.left(formatDuration((bytesTotal - bytesDone) / bytesPerSecond, words))}`;
}

function shareOf({ bytesDone, bytesTotal }: JobView): number {
  return bytesTotal > 0 ? Math.min(1, Math.max(0, bytesDone / bytesTotal)) : 0;
}
