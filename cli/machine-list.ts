// `deploy-os machine list`: all machines, or those that are looked for; fetched page by page, since there may be many.
import type { Command } from 'commander';
import { z } from 'zod';
import { type Machine, machineSchema } from '../protocol/rest.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { printJson, printTable } from './output.ts';

const pageLength = 500;

type Flags = {
  readonly search?: string;
  readonly group?: string;
  readonly tag?: string;
  readonly state?: string;
  readonly online?: boolean;
};

export function addListCommand(machine: Command): void {
  withServerOptions(machine.command('list').description('List the machines that have shown up'))
    .option(
      '--search <words>',
      'only those with all these words in name, MAC, serial number, model, address, UUID or tags',
    )
    .option('--group <group>', 'only those in this group')
    .option('--tag <tag>', 'only those with this tag')
    .option('--state <state>', 'only those that are pending, or approved')
    .option('--online', 'only those that are connected now')
    .option('--no-online', 'only those that are not')
    .action(async (options: ConnectOptions & Flags) => print(await fetchMachines(options), options));
}

/** In order of name. */
export async function fetchMachines(options: ConnectOptions & Flags): Promise<Machine[]> {
  const { search, group, tag, state, online } = options;
  const wanted = Object.entries({ search, group, tag, state, online: online?.toString() });
  const machines: Machine[] = [];
  for (;;) {
    const query = new URLSearchParams({ limit: String(pageLength) });
    for (const [name, value] of wanted) if (value !== undefined) query.set(name, value);
    const last = machines.at(-1);
    if (last !== undefined) query.set('after', last.name);
    const page = await callOnce(options, 'GET', `/v1/machines?${query}`, z.array(machineSchema));
    machines.push(...page);
    if (page.length < pageLength) return machines;
  }
}

function print(machines: readonly Machine[], options: ConnectOptions): void {
  if (options.json === true) {
    printJson(machines);
    return;
  }
  printTable(
    ['ID', 'NAME', 'STATE', 'ONLINE', 'LAST SEEN', 'MODEL', 'TAGS'],
    machines.map((machine) => [
      machine.id,
      machine.name,
      machine.state,
      machine.online ? 'yes' : 'no',
      machine.lastSeenAt ?? '',
      [machine.inventory?.smbios.manufacturer, machine.inventory?.smbios.product].filter(Boolean).join(' '),
      machine.tags.join(', '),
    ]),
  );
}
