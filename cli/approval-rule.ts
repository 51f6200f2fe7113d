// `deploy-os approval-rule …`: which machines are approved by themselves.
import type { Command } from 'commander';
import { z } from 'zod';
import { approvalRulePatchSchema, approvalRuleSchema } from '../protocol/approval-rule.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { collectRule, describeRules, parseRules } from './machine-rule.ts';
import { printJson, printTable } from './output.ts';
import { parseFlags } from './parse-flags.ts';

type Flags = {
  readonly name?: string;
  readonly rule?: readonly string[];
  readonly order?: string;
  readonly giveTag?: readonly string[];
  readonly giveGroup?: string;
  readonly giveBootProfile?: string;
};

export function addCommands(program: Command): void {
  const rule = program.command('approval-rule').description('Rules by which machines are approved by themselves');
  withServerOptions(rule.command('list').description('List all, in the order in which they are asked')).action(list);
  withFlags(
    withServerOptions(rule.command('add <name>').description('Make one; machines that wait are looked at, too')),
  ).action((name: string, options: ConnectOptions & Flags) =>
    save('POST', '/v1/approval-rules', { ...options, name }, 'added'),
  );
  withFlags(withServerOptions(rule.command('set <rule>').description('Change what is named; the rest stays')))
    .option('--name <name>', 'another name')
    .action((name: string, options: ConnectOptions & Flags) => save('PATCH', pathOf(name), options, 'changed'));
  withServerOptions(
    rule.command('remove <rule>').description('Remove it; machines that it has approved stay so'),
  ).action(async (name: string, options: ConnectOptions) => {
    await callOnce(options, 'DELETE', pathOf(name), z.undefined());
    if (options.json === true) printJson({ removed: name });
    else process.stdout.write(`removed: ${name}\n`);
  });
}

function withFlags(command: Command): Command {
  return command
    .option(
      '--rule <rule>',
      'approve machines of which all of this is true: manufacturer=Dell*,product=…,serial=…,mac=52:54:00,uuid=…,subnet=10.0.0.0/24,tag=…; repeat for others as well',
      collectRule,
    )
    .option('--order <number>', 'of several that fit the smallest counts (default: 100)')
    .option('--give-tag <tag>', 'a tag for those that it approves; repeat for more (empty: none)', collectRule)
    .option('--give-group <group>', 'a group that they are put into (empty: none)')
    .option('--give-boot-profile <profile>', 'what they boot (empty: as the rules of boot profiles say)');
}

function pathOf(name: string): string {
  return `/v1/approval-rules/${encodeURIComponent(name)}`;
}

async function save(
  method: 'POST' | 'PATCH',
  path: string,
  flags: ConnectOptions & Flags,
  done: string,
): Promise<void> {
  const body = parseFlags(approvalRulePatchSchema, bodyOf(flags));
  const rule = await callOnce(flags, method, path, approvalRuleSchema, body);
  if (flags.json === true) printJson(rule);
  else process.stdout.write(`${done}: ${rule.name} (${rule.id}); machines that it has approved: ${rule.uses}\n`);
}

/** What was given, and nothing else. */
function bodyOf({ name, rule, order, giveTag, giveGroup, giveBootProfile }: Flags): object {
  const body = {
    name,
    rules: parseRules(rule),
    order: order === undefined ? undefined : Number(order),
    tags: giveTag?.filter((tag) => tag !== ''),
    group: giveGroup === '' ? null : giveGroup,
    bootProfile: giveBootProfile === '' ? null : giveBootProfile,
  };
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

async function list(options: ConnectOptions): Promise<void> {
  const rules = await callOnce(options, 'GET', '/v1/approval-rules', z.array(approvalRuleSchema));
  if (options.json === true) return printJson(rules);
  printTable(
    ['ORDER', 'NAME', 'ID', 'FOR', 'GIVES', 'APPROVED'],
    rules.map(({ order, name, id, rules: fit, tags, group, bootProfile, uses }) => [
      ...[String(order), name, id, describeRules(fit)],
      [...tags.map((tag) => `tag ${tag}`), ...named('group', group), ...named('boot profile', bootProfile)].join(', '),
      String(uses),
    ]),
  );
}

function named(what: string, name: string | null): string[] {
  return name === null ? [] : [`${what} ${name}`];
}
