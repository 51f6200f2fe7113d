// Turns the status into text: a full page for a screen, one line for a serial console. Pure functions, nothing is written here.
import { errorWords, nameNic } from './describe-nic.ts';
import { formatBytes, formatDuration, printable } from './format.ts';
import type { JobView, LogLine, StatusModel } from './status.ts';

export type PageSize = { readonly columns: number; readonly rows: number };

const shownNics = 8;
const nicsWithResult = shownNics / 2;
const shownDisks = 8;

/** The page as exactly `rows` lines, none longer than `columns`; the newest messages fill what room is left. */
export function renderPage(model: StatusModel, { columns, rows }: PageSize): string[] {
  const lines = [
    `Deploy-OS   ${model.serverUrl}   ${model.connected ? 'connected' : 'not connected'}`,
    `Machine     ${machineWords(model)}`,
    `Status      ${model.stage}`,
    ...model.waitingFor.map((what) => `            ${what}`),
    '',
    ...listOf('NIC', nicLines(model.nics), shownNics),
    ...listOf('Disk', model.disks.map(diskWords), shownDisks),
    '',
    ...(model.job === null ? [] : [...jobLines(model.job, columns), '']),
  ];
  const room = Math.max(0, rows - lines.length);
  const messages = room === 0 ? [] : model.messages.slice(-room).map(messageWords);
  return [...lines, ...messages, ...Array<string>(rows).fill('')]
    .slice(0, rows)
    .map((line) => clip(printable(line), columns));
}

/** One line that says where the machine stands; drawn again only when it differs. */
export function renderLine(model: StatusModel): string {
  const parts = [model.machineName ?? 'Deploy-OS', model.job === null ? model.stage : jobWords(model.job)];
  if (model.job === null) parts.push(...model.waitingFor);
  if (!model.connected && model.job !== null) parts.push('server not connected');
  return printable(parts.join(' | '));
}

export function messageWords({ level, message }: LogLine): string {
  return printable(level === 'info' ? message : `${level.toUpperCase()}: ${message}`);
}

function machineWords({ machineName, machineState }: StatusModel): string {
  if (machineName === null) return 'not registered yet';
  return machineState === 'pending' ? `${machineName} (waiting for approval)` : machineName;
}

function listOf(title: string, items: readonly string[], limit: number): string[] {
  if (items.length === 0) return [`${title.padEnd(12)}none`];
  const lines = items.slice(0, limit).map((item, i) => (i === 0 ? title : '').padEnd(12) + item);
  return items.length > limit ? [...lines, `            and ${items.length - limit} more`] : lines;
}

/** What came of it stands on a line of its own, as long as there is room for that. */
function nicLines(nics: StatusModel['nics']): string[] {
  return nics.flatMap((nic) => {
    const own = nic.result ?? nic.addresses.slice(0, 2).join(' ');
    const rest = [...(own === '' ? [] : [own]), ...errorWords(nic)].join(', ');
    if (nics.length > nicsWithResult) return [`${nameNic(nic)}, ${rest}`];
    return [nameNic(nic), ...(rest === '' ? [] : [`  ${rest}`])];
  });
}

function diskWords(disk: StatusModel['disks'][number]): string {
  const used = disk.inUseBy.length > 0 ? ` in use: ${disk.inUseBy.join(', ')}` : '';
  return `${disk.number}: ${disk.devicePath} ${disk.model ?? '-'} ${disk.serial ?? '-'} ${formatBytes(disk.sizeBytes)}${used}`;
}

function jobLines(job: JobView, columns: number): string[] {
  const width = Math.max(10, Math.min(50, columns - 32));
  const share = shareOf(job);
  const filled = Math.round(share * width);
  return [
    `Job         ${job.title} (step ${job.step + 1} of ${job.steps})`,
    `            ${job.phase.padEnd(10)} [${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${Math.floor(share * 100)} %`,
    `            ${formatBytes(job.bytesDone)} of ${formatBytes(job.bytesTotal)}, ${formatBytes(job.bytesPerSecond)}/s${timeLeft(job)}, network ${formatBytes(job.bytesTransferred)}`,
  ];
}

function jobWords(job: JobView): string {
  if (job.bytesTotal === 0) return `${job.title} | ${job.phase}`;
  const percent = `${Math.floor(shareOf(job) * 100)} %`;
  return `${job.title} | ${job.phase} ${percent} | ${formatBytes(job.bytesDone)} of ${formatBytes(job.bytesTotal)} | ${formatBytes(job.bytesPerSecond)}/s${timeLeft(job)}`;
}

function shareOf({ bytesDone, bytesTotal }: JobView): number {
  return bytesTotal > 0 ? Math.min(1, Math.max(0, bytesDone / bytesTotal)) : 0;
}

function timeLeft({ bytesDone, bytesTotal, bytesPerSecond }: JobView): string {
  return bytesPerSecond > 0 && bytesDone < bytesTotal
    ? `, ${formatDuration((bytesTotal - bytesDone) / bytesPerSecond)} left`
    : '';
}

function clip(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}~`;
}
