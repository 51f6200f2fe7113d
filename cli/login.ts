// `deploy-os login`, `logout`, `whoami`: who the commands on this machine speak for.
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { DeployError } from '../protocol/errors.ts';
import { meSchema, newTokenSchema } from '../protocol/people.ts';
import type { ServerAccess } from '../server/address-file.ts';
import { askPassphrase } from './ask-passphrase.ts';
import { type ConnectOptions, callOnce, callWith, findServer, withServerOptions } from './connect.ts';
import { logInByBrowser } from './login-openid.ts';
import { printJson } from './output.ts';
import { loginFile, readLogin, removeLogin, writeLogin } from './saved-login.ts';

type LoginFlags = ConnectOptions & { readonly user?: string; readonly passwordFile?: string; readonly openid?: true };

export function addCommands(program: Command): void {
  withServerOptions(program.command('login').description('Log in to a server; later commands need no more flags'), {
    token: false,
  })
    .addOption(new Option('--user <name>', 'who you are'))
    .addOption(
      new Option('--openid', 'log in through the server’s provider of OpenID Connect, in a browser').conflicts([
        'user',
        'passwordFile',
      ]),
    )
    .addOption(passwordFileOption())
    .action(logIn);
  program.command('logout').description('End the login of this machine').action(logOut);
  withServerOptions(program.command('whoami').description('Show who the commands speak for, and their role')).action(
    whoAmI,
  );
}

export function passwordFileOption(): Option {
  return new Option(
    '--password-file <file>',
    'its first line is the password (- is standard input); else it is asked for',
  );
}

/** From a file, or typed; twice when it is new. */
export async function readPassword(file: string | undefined, { twice = false } = {}): Promise<string> {
  if (file !== undefined) return readFileSync(file === '-' ? 0 : file, 'utf8').split(/\r?\n/, 1)[0] ?? '';
  const password = await askPassphrase('Password');
  if (password === null) {
    throw new DeployError('usage', 'there is no terminal to ask for the password', {
      hint: 'Give --password-file FILE.',
    });
  }
  if (twice && (await askPassphrase('Again')) !== password) throw new DeployError('usage', 'the two were not the same');
  return password;
}

async function logIn(flags: LoginFlags): Promise<void> {
  const access = await findServer(flags, { token: false });
  const session = flags.openid === true ? await logInByBrowser(access) : await logInByPassword(access, flags);
  await writeLogin({ ...access, token: session.token });
  if (flags.json === true) printJson({ user: session.userName, role: session.role, expiresAt: session.expiresAt });
  else
    process.stdout.write(
      `logged in to ${access.url} as ${session.userName} (${session.role}); kept in ${loginFile()}\n`,
    );
}

async function logInByPassword(access: ServerAccess, { user: name, passwordFile }: LoginFlags) {
  if (name === undefined) throw new DeployError('usage', 'who are you? give --user NAME, or --openid');
  const body = { name, password: await readPassword(passwordFile) };
  return callWith(access, 'POST', '/v1/sessions', newTokenSchema, body);
}

async function logOut(): Promise<void> {
  const access = await readLogin();
  if (access === null) return;
  try {
    await callWith(access, 'DELETE', '/v1/sessions/own', z.undefined());
  } finally {
    await removeLogin();
  }
}

async function whoAmI(flags: ConnectOptions): Promise<void> {
  const me = await callOnce(flags, 'GET', '/v1/me', meSchema);
  if (flags.json === true) printJson(me);
  else process.stdout.write(`${me.name} (${me.role})\n`);
}
