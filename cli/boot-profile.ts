// `deploy-os boot-profile …`: what classes of machines boot instead of the server's usual kernel, initramfs and arguments.
import type { Command } from 'commander';
import { z } from 'zod';
import { type BootProfile, bootProfilePatchSchema, bootProfileSchema } from '../protocol/boot-profile.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { collectRule, describeRules, parseRules } from './machine-rule.ts';
import { printJson, printTable } from './output.ts';
import { parseFlags } from './parse-flags.ts';

type Flags = {
  readonly name?: string;
  readonly arguments?: string;
  readonly build?: string;
  readonly overlay?: string;
  readonly rule?: readonly string[];
  readonly order?: string;
};

export function addCommands(program: Command): void {
  const profile = program
    .command('boot-profile')
    .description('Boot profiles: kernel, arguments and extra modules or firmware for a class of machines');
  withServerOptions(
    profile.command('list').description('List all, in the order in which their rules are asked'),
  ).action(list);
  withFlags(withServerOptions(profile.command('add <name>').description('Make one'))).action(
    (name: string, options: ConnectOptions & Flags) => save('POST', '/v1/boot-profiles', { ...options, name }, 'added'),
  );
  withFlags(withServerOptions(profile.command('set <profile>').description('Change what is named; the rest stays')))
    .option('--name <name>', 'another name')
    .action((name: string, options: ConnectOptions & Flags) => save('PATCH', pathOf(name), options, 'changed'));
  withServerOptions(
    profile.command('remove <profile>').description('Remove it; its machines boot as the rules of the others say'),
  ).action(async (name: string, options: ConnectOptions) => {
    await callOnce(options, 'DELETE', pathOf(name), z.undefined());
    if (options.json === true) printJson({ removed: name });
    else process.stdout.write(`removed: ${name}\n`);
  });
}

function withFlags(command: Command): Command {
  return command
    .option('--arguments <text>', "more words for the kernel's command line")
    .option(
      '--build <dir>',
      'folder on the server that `deploy-os build` made: its kernel and initramfs (empty: the usual)',
    )
    .option(
      '--overlay <file>',
      'cpio on the server with modules and firmware, as `build --overlay` makes (empty: none)',
    )
    .option(
      '--rule <rule>',
      'for machines of which all of this is true: manufacturer=Dell*,product=…,serial=…,mac=52:54:00,uuid=…,subnet=10.0.0.0/24,tag=…; repeat for another chance (empty: no rules)',
      collectRule,
    )
    .option('--order <number>', 'of several profiles whose rules fit the smallest is taken (default: 100)');
}

function pathOf(name: string): string {
  return `/v1/boot-profiles/${encodeURIComponent(name)}`;
}

async function save(
  method: 'POST' | 'PATCH',
  path: string,
  flags: ConnectOptions & Flags,
  done: string,
): Promise<void> {
  const body = parseFlags(bootProfilePatchSchema, bodyOf(flags));
  const profile = await callOnce(flags, method, path, bootProfileSchema, body);
  if (flags.json === true) printJson(profile);
  else process.stdout.write(`${done}: ${profile.name} (${profile.id})\n`);
}

/** What was given, and nothing else. */
function bodyOf({ name, arguments: text, build, overlay, rule, order }: Flags): object {
  const order_ = order === undefined ? undefined : Number(order);
  const body = {
    name,
    arguments: text,
    build: emptyIsNull(build),
    overlay: emptyIsNull(overlay),
    rules: parseRules(rule),
    order: order_,
  };
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

function emptyIsNull(text: string | undefined): string | null | undefined {
  return text === '' ? null : text;
}

async function list(options: ConnectOptions): Promise<void> {
  const profiles = await callOnce(options, 'GET', '/v1/boot-profiles', z.array(bootProfileSchema));
  if (options.json === true) return printJson(profiles);
  printTable(
    ['ORDER', 'NAME', 'ID', 'FOR', 'BUILD', 'OVERLAY', 'ARGUMENTS'],
    profiles.map(({ order, name, id, rules, build, overlay, arguments: text }: BootProfile) => [
      ...[String(order), name, id],
      describeRules(rules) || 'machines that it is set for',
      ...[build ?? '', overlay ?? '', text],
    ]),
  );
}
