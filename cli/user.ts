// `deploy-os user …`: who may use the server, and as what.
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { DeployError } from '../protocol/errors.ts';
import { roles, userBodySchema, userPatchSchema, userSchema } from '../protocol/people.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { passwordFileOption, readPassword } from './login.ts';
import { printJson, printTable } from './output.ts';
import { parseFlags } from './parse-flags.ts';

type Flags = ConnectOptions & {
  readonly role?: string;
  readonly password?: boolean;
  readonly passwordFile?: string;
  readonly disable?: boolean;
  readonly enable?: boolean;
};

export function addCommands(program: Command): void {
  const user = program
    .command('user')
    .description('People: viewers look, operators run jobs, administrators decide who may');
  withServerOptions(user.command('list').description('List all users')).action(list);
  withServerOptions(user.command('add <name>').description('Let somebody log in'))
    .addOption(roleOption().makeOptionMandatory())
    .addOption(passwordFileOption())
    .action(add);
  withServerOptions(user.command('set <user>').description('Change the role or the password, or shut somebody out'))
    .addOption(roleOption())
    .option('--password', 'ask for a new password; it ends the logins of before')
    .addOption(passwordFileOption())
    .option('--disable', 'no login, and none of the tokens is good')
    .option('--enable', 'as before')
    .action(set);
  withServerOptions(
    user.command('remove <user>').description('Remove a user and their tokens; the audit log keeps the name'),
  ).action(remove);
}

function roleOption(): Option {
  return new Option('--role <role>', 'what the user may').choices(roles);
}

async function list(options: ConnectOptions): Promise<void> {
  const users = await callOnce(options, 'GET', '/v1/users', z.array(userSchema));
  if (options.json === true) return printJson(users);
  printTable(
    ['NAME', 'ROLE', 'STATE', 'LAST LOGIN', 'ID'],
    users.map(({ name, role, disabled, lastLoginAt, id }) => [
      ...[name, role, disabled ? 'disabled' : 'enabled', lastLoginAt ?? 'never', id],
    ]),
  );
}

async function add(name: string, flags: Flags): Promise<void> {
  const password = await readPassword(flags.passwordFile, { twice: true });
  const body = parseFlags(userBodySchema, { name, role: flags.role, password });
  tell(flags, 'added', await callOnce(flags, 'POST', '/v1/users', userSchema, body));
}

async function set(user: string, flags: Flags): Promise<void> {
  const { role, disable = false, enable = false } = flags;
  if (disable && enable) throw new DeployError('usage', 'either --disable or --enable');
  const asked = flags.password === true || flags.passwordFile !== undefined;
  const patch = {
    ...(role === undefined ? {} : { role }),
    ...(asked ? { password: await readPassword(flags.passwordFile, { twice: true }) } : {}),
    ...(disable || enable ? { disabled: disable } : {}),
  };
  tell(flags, 'changed', await callOnce(flags, 'PATCH', pathOf(user), userSchema, parseFlags(userPatchSchema, patch)));
}

async function remove(user: string, options: ConnectOptions): Promise<void> {
  await callOnce(options, 'DELETE', pathOf(user), z.undefined());
  if (options.json === true) printJson({ removed: user });
  else process.stdout.write(`removed: ${user}\n`);
}

function tell({ json }: Flags, done: string, user: z.infer<typeof userSchema>): void {
  if (json === true) printJson(user);
  else process.stdout.write(`${done}: ${user.name} (${user.role}${user.disabled ? ', disabled' : ''})\n`);
}

function pathOf(user: string): string {
  return `/v1/users/${encodeURIComponent(user)}`;
}
