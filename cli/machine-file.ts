// `deploy-os machine import` and `machine export`: machines in a file, as CSV or JSON.
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { type FileMachine, fileMachineSchema, machineImportAnswerSchema } from '../protocol/machine-file.ts';
import { toCsv } from '../server/csv.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { printJson } from './output.ts';

const columns = ['name', 'uuid', 'macs', 'serial', 'groups', 'tags', 'state'] as const;
type Column = (typeof columns)[number];
const lists: ReadonlySet<string> = new Set<Column>(['macs', 'groups', 'tags']);
const maxRecordLength = 64 * 1024;

export function addFileCommands(machine: Command): void {
  withServerOptions(
    machine
      .command('import <file>')
      .description('Write down machines from a CSV or JSON file, all or none (-: standard input)'),
  )
    .option('--dry-run', 'only say what would be done, and what is wrong')
    .action(importFile);
  withServerOptions(
    machine.command('export').description('Print all machines, as import takes them: CSV, or JSON with --json'),
  )
    .option('--csv', 'as CSV, which it is anyway')
    .action(async (options: ConnectOptions) => {
      const machines = await callOnce(options, 'GET', '/v1/machine-file', z.array(fileMachineSchema));
      if (options.json === true) printJson(machines);
      else process.stdout.write(toCsv(columns, machines.map(toCells)));
    });
}

async function importFile(file: string, options: ConnectOptions & { readonly dryRun?: boolean }): Promise<void> {
  const text = decode(await readBytes(file), file);
  const { machines, rows } = /^\s*\[/.test(text) ? readJson(text, file) : readCsv(text, file);
  const body = { machines, rows, dryRun: options.dryRun === true };
  const answer = await callOnce(options, 'POST', '/v1/machine-file', machineImportAnswerSchema, body);
  if (options.json === true) return printJson(answer);
  const would = answer.dryRun ? 'would be ' : '';
  process.stdout.write(`${would}written down: ${answer.created}, ${would}changed: ${answer.updated}\n`);
}

async function readBytes(file: string): Promise<Buffer> {
  if (file === '-') return buffer(process.stdin);
  return readFile(file).catch((thrown) => {
    throw toDeployError(thrown, 'invalid-input').during(`reading ${file}`);
  });
}

/** UTF-8, or UTF-16 as spreadsheets write "Unicode text"; a byte order mark is left out. */
function decode(bytes: Buffer, file: string): string {
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  try {
    return new TextDecoder(isUtf16 ? 'utf-16le' : 'utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DeployError('invalid-input', `${file} is neither UTF-8 nor UTF-16`, {
      cause,
      hint: 'Save it as "CSV UTF-8".',
    });
  }
}

type Read = { readonly machines: unknown[]; readonly rows: string[] };

function readJson(text: string, file: string): Read {
  try {
    const machines = z.array(z.unknown()).parse(JSON.parse(text));
    return { machines, rows: machines.map((_, i) => `machine ${i + 1}`) };
  } catch (cause) {
    throw new DeployError('invalid-input', `${file} is no JSON list of machines: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** The first line names the columns; they are separated by what it separates its own by. */
function readCsv(text: string, file: string): Read {
  const [head = ''] = text.split(/\r?\n/, 1);
  const delimiter = [',', ';', '\t'].find((each) => head.includes(each)) ?? ',';
  let records: { record: Record<string, string>; info: { lines: number } }[];
  try {
    records = parse(text, {
      ...{ delimiter, bom: true, info: true, skip_empty_lines: true, max_record_size: maxRecordLength },
      columns: (names: string[]) => names.map(readHeading),
    }) as unknown as typeof records;
  } catch (thrown) {
    if (thrown instanceof DeployError) throw thrown.during(file);
    throw new DeployError('invalid-input', `${file}: ${(thrown as Error).message}`, { cause: thrown });
  }
  return {
    machines: records.map(({ record }) => toMachine(record)),
    rows: records.map(({ info }) => `line ${info.lines}`),
  };
}

function readHeading(text: string): Column {
  const name = text.trim().toLowerCase();
  const column = columns.find((each) => each === name || each === `${name}s`);
  if (column !== undefined) return column;
  throw new DeployError('invalid-input', `'${text}' is no column of machines`, {
    hint: `They are: ${columns.join(', ')}.`,
  });
}

function toMachine(record: Record<string, string>): object {
  const entries = Object.entries(record).map(([column, cell]) => {
    // The quote that an export puts before what begins like a formula.
    const text = cell.replace(/^'(?=[=+\-@＝＋－＠\t\r\n])/, '').trim();
    return [column, lists.has(column) ? splitList(text) : text] as const;
  });
  return Object.fromEntries(entries.filter(([, value]) => value.length > 0));
}

function toCells(machine: FileMachine): (string | null)[] {
  return columns.map((column) => {
    const value = machine[column];
    return Array.isArray(value) ? joinList(value) : (value as string | null);
  });
}

/** `a; b`; a backslash before a semicolon that is part of a word. */
function joinList(words: readonly string[]): string {
  return words.map((word) => word.replaceAll(/[\\;]/g, '\\$&')).join('; ');
}

function splitList(text: string): string[] {
  const words = text.match(/(?:\\.|[^;\\])+/gs) ?? [];
  return words.map((word) => word.replaceAll(/\\(.)/gs, '$1').trim()).filter((word) => word !== '');
}
