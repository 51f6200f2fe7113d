// `deploy-os token …`: tokens for scripts, and the logins that are open.
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { DeployError } from '../protocol/errors.ts';
import { newTokenSchema, personTokenSchema, roles, tokenBodySchema } from '../protocol/people.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { printJson, printTable } from './output.ts';

type Flags = ConnectOptions & { readonly role?: string; readonly validDays?: string };

export function addCommands(program: Command): void {
  const token = program
    .command('token')
    .description('Tokens that speak for you: for scripts, and those of your logins');
  withServerOptions(token.command('create <label>').description('Make a token for a script; it is shown this once'))
    .addOption(new Option('--role <role>', 'at most this (default: yours)').choices(roles))
    .option('--valid-days <days>', 'how long it is good (default: until it is revoked)')
    .action(create);
  withServerOptions(
    token.command('list').description("List your tokens and logins; administrators see everybody's"),
  ).action(list);
  withServerOptions(token.command('revoke <id>').description('Make a token or a login worthless')).action(revoke);
}

async function create(label: string, flags: Flags): Promise<void> {
  const { role, validDays } = flags;
  const asked = {
    label,
    ...(role === undefined ? {} : { role }),
    ...(validDays === undefined ? {} : { days: Number(validDays) }),
  };
  const parsed = tokenBodySchema.safeParse(asked);
  if (!parsed.success) throw new DeployError('usage', z.prettifyError(parsed.error));
  const made = await callOnce(flags, 'POST', '/v1/tokens', newTokenSchema, parsed.data);
  if (flags.json === true) printJson(made);
  else process.stdout.write(`${made.token}\n`);
}

async function list(options: ConnectOptions): Promise<void> {
  const tokens = await callOnce(options, 'GET', '/v1/tokens', z.array(personTokenSchema));
  if (options.json === true) return printJson(tokens);
  printTable(
    ['ID', 'USER', 'KIND', 'LABEL', 'ROLE', 'LAST USED', 'EXPIRES'],
    tokens.map(({ id, userName, kind, label, role, lastUsedAt, expiresAt }) => [
      ...[id, userName, kind, label, role, lastUsedAt ?? 'never', expiresAt ?? 'never'],
    ]),
  );
}

async function revoke(id: string, options: ConnectOptions): Promise<void> {
  await callOnce(options, 'DELETE', `/v1/tokens/${encodeURIComponent(id)}`, z.undefined());
  if (options.json === true) printJson({ revoked: id });
  else process.stdout.write(`revoked: ${id}\n`);
}
