// `deploy-os group …`: machines that belong together, by name or by rule.
import type { Command } from 'commander';
import { z } from 'zod';
import { groupPatchSchema, groupSchema, oneGroupSchema } from '../protocol/group.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { collectRule, describeRules, parseRules } from './machine-rule.ts';
import { printJson, printTable } from './output.ts';
import { parseFlags } from './parse-flags.ts';

type Flags = { readonly name?: string; readonly rule?: readonly string[] };
type Remove = { readonly remove?: boolean };

const ruleHelp =
  'machines of which all of this is true are in it: manufacturer=Dell*,product=…,serial=…,mac=52:54:00,uuid=…,subnet=10.0.0.0/24,tag=…; repeat for others as well (empty: no rules)';

export function addCommands(program: Command): void {
  const group = program.command('group').description('Groups of machines: named lists of them, or rules');
  withServerOptions(group.command('list').description('List all groups')).action(list);
  withServerOptions(
    group.command('show <group>').description('Show its rules and the machines that were put into it by name'),
  ).action(show);
  withServerOptions(group.command('add <name> [machine...]').description('Make one, with these machines in it'))
    .option('--rule <rule>', ruleHelp, collectRule)
    .action((name: string, members: string[], options: ConnectOptions & Flags) =>
      save('POST', '/v1/groups', { ...bodyOf({ ...options, name }), members }, options, 'added'),
    );
  withServerOptions(group.command('set <group>').description('Change its rules or its name; the rest stays'))
    .option('--name <name>', 'another name')
    .option('--rule <rule>', ruleHelp, collectRule)
    .action((name: string, options: ConnectOptions & Flags) =>
      save('PATCH', pathOf(name), bodyOf(options), options, 'changed'),
    );
  withServerOptions(group.command('members <group> <machine...>').description('Put machines into it, or take them out'))
    .option('--remove', 'take them out')
    .action((name: string, machines: string[], options: ConnectOptions & Remove) =>
      save('POST', `${pathOf(name)}/members`, { [options.remove ? 'remove' : 'add']: machines }, options, 'changed'),
    );
  withServerOptions(group.command('remove <group>').description('Remove the group; its machines stay')).action(
    async (name: string, options: ConnectOptions) => {
      await callOnce(options, 'DELETE', pathOf(name), z.undefined());
      if (options.json === true) printJson({ removed: name });
      else process.stdout.write(`removed: ${name}\n`);
    },
  );
}

function pathOf(name: string): string {
  return `/v1/groups/${encodeURIComponent(name)}`;
}

/** What was given, and nothing else. */
function bodyOf({ name, rule }: Flags): object {
  const rules = parseRules(rule);
  const body = { ...(name === undefined ? {} : { name }), ...(rules === undefined ? {} : { rules }) };
  const parsed = parseFlags(groupPatchSchema, body);
  return parsed;
}

async function save(
  method: 'POST' | 'PATCH',
  path: string,
  body: object,
  options: ConnectOptions,
  done: string,
): Promise<void> {
  const group = await callOnce(options, method, path, groupSchema, body);
  if (options.json === true) printJson(group);
  else process.stdout.write(`${done}: ${group.name} (${group.id}), ${machinesOf(group.machineCount)}\n`);
}

function machinesOf(count: number): string {
  return count === 1 ? '1 machine' : `${count} machines`;
}

async function list(options: ConnectOptions): Promise<void> {
  const groups = await callOnce(options, 'GET', '/v1/groups', z.array(groupSchema));
  if (options.json === true) return printJson(groups);
  printTable(
    ['NAME', 'ID', 'MACHINES', 'RULES'],
    groups.map(({ name, id, machineCount, rules }) => [name, id, String(machineCount), describeRules(rules)]),
  );
}

async function show(name: string, options: ConnectOptions): Promise<void> {
  const group = await callOnce(options, 'GET', pathOf(name), oneGroupSchema);
  if (options.json === true) return printJson(group);
  process.stdout.write(`${group.name} (${group.id}): ${machinesOf(group.machineCount)}\n`);
  if (group.rules.length > 0) process.stdout.write(`rules: ${describeRules(group.rules)}\n`);
  for (const member of group.members) process.stdout.write(`member: ${member.name} (${member.id})\n`);
}
