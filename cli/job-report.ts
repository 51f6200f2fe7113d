// `deploy-os job report`: what was done, to which disk, and how it is known to be right; to be printed and kept.
import type { Command } from 'commander';
import { describeSelector } from '../protocol/describe-selector.ts';
import { selectorOf } from '../protocol/expand-steps.ts';
import { type JobReport, jobReportSchema } from '../protocol/rest.ts';
import type { Step } from '../protocol/scenario.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { describeFinding, formatBytes, printJson } from './output.ts';

export function addReportCommand(job: Command): void {
  withServerOptions(
    job.command('report <job>').description('Print what was done and how it was checked, to be kept'),
  ).action(async (id: string, options: ConnectOptions) => {
    const report = await callOnce(options, 'GET', `/v1/jobs/${encodeURIComponent(id)}/report`, jobReportSchema);
    if (options.json === true) printJson(report);
    else process.stdout.write(`${writeReport(report).map(printable).join('\n')}\n`);
  });
}

/** Labels come from disks: nothing in a line steers the terminal. */
function printable(line: string): string {
  return line.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '?');
}

export function writeReport(report: JobReport): string[] {
  const { error, approvedDisks } = report;
  return [
    `Job ${report.id}: ${report.scenarioName} on ${report.machineName} (${report.machineId})`,
    `State:        ${report.state}${report.held === null ? '' : ` (${report.held})`}`,
    ...(error === null ? [] : [`Error:        ${error.code}: ${error.message}`, ...hintOf(error.hint)]),
    ...(report.waitsFor === null ? [] : [`Waits:        ${report.waitsFor}`]),
    `Asked for:    ${report.createdAt}${report.requestedBy === null ? '' : ` by ${report.requestedBy}`}`,
    `Ran:          ${report.startedAt ?? '-'} to ${report.endedAt ?? '-'}, handed out ${report.handOuts} times`,
    ...(report.batchId === null ? [] : [`Batch:        ${report.batchId}`]),
    ...(report.retryOf === null ? [] : [`Again:        ${report.retryOf}`]),
    ...(approvedDisks === null ? ['Approved:     no disks by name: the scenario chose'] : []),
    ...(approvedDisks ?? []).map(({ label, sizeBytes }) => `Approved:     ${label}, ${formatBytes(sizeBytes)}`),
    ...report.steps.flatMap((step, index) => [
      '',
      `Step ${index + 1}: ${describeStep(step)}`,
      ...resultOf(report, index),
    ]),
    '',
    `At the end:   ${report.end}`,
    '',
    'Log',
    ...report.log.flatMap(({ at, level, message }) =>
      message.split('\n').map((line) => `${at}  ${level.padEnd(7)}  ${line}`),
    ),
  ];
}

function hintOf(hint: string | undefined): string[] {
  return hint === undefined ? [] : [`              ${hint}`];
}

function describeStep(step: Step): string {
  const selector = selectorOf(step);
  const disk = selector === null ? '' : describeSelector(selector);
  if (step.kind === 'capture') return `capture ${disk} as '${step.image}'`;
  if (step.kind === 'restore') return `restore '${step.image}' onto ${disk}`;
  if (step.kind === 'wipe') return `wipe ${disk} (${step.method})`;
  return step.kind;
}

function resultOf({ results }: JobReport, index: number): string[] {
  const result = results[index];
  if (result === undefined) return ['  no result'];
  const { disk, image, summary, figures, secondsByPhase, warnings, findings = [] } = result;
  const seconds = Object.entries(secondsByPhase).map(([phase, value]) => `${phase} ${value.toFixed(1)} s`);
  const readBack = figures.bytesVerified;
  return [
    ...(disk === undefined ? [] : [`  disk:       ${disk.label} (${disk.id})`]),
    ...(image === undefined ? [] : [`  image:      '${image.name}' (${image.id}), root digest ${image.rootDigest}`]),
    ...(summary === undefined ? [] : [`  done:       ${summary}`]),
    // What a wipe's read-back showed, its summary says.
    ...(readBack === undefined || result.kind === 'wipe'
      ? []
      : [`  read back:  ${formatBytes(readBack)} from the medium, all as the image says`]),
    ...Object.entries(figures).map(
      ([name, value]) => `  ${name}: ${/bytes/i.test(name) ? `${value} (${formatBytes(value)})` : value}`,
    ),
    `  phases:     ${seconds.join(', ')}`,
    ...findings.map((finding) => `  ${describeFinding(finding).replaceAll('\n', ' ')}`),
    ...warnings.map((warning) => `  warning: ${warning}`),
  ];
}
