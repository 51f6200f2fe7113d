// `deploy-os enrolment …`: secrets for media, by which the server approves the machines that boot from them.
import type { Command } from 'commander';
import { z } from 'zod';
import { enrolmentRequestSchema, enrolmentSchema, newEnrolmentSchema } from '../protocol/medium.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { printJson, printTable } from './output.ts';
import { parseFlags } from './parse-flags.ts';

export type EnrolmentFlags = { readonly validDays?: string };

export function addCommands(program: Command): void {
  const enrolment = program
    .command('enrolment')
    .description('Enrolments: a medium with the secret of one has its machines approved by themselves');
  withServerOptions(enrolment.command('create <label>').description('Make one; its secret is shown this once'))
    .option('--valid-days <days>', 'how long its secret is good (default: 30)')
    .action(async (label: string, options: ConnectOptions & EnrolmentFlags) => {
      const made = await createEnrolment(label, options);
      if (options.json === true) printJson(made);
      else process.stdout.write(`${made.secret}\n`);
      process.stderr.write('Whoever has it gets machines approved: keep media with it as you keep keys.\n');
    });
  withServerOptions(enrolment.command('list').description('List all, with their use; never their secrets')).action(
    list,
  );
  withServerOptions(
    enrolment
      .command('revoke <id>')
      .description('End it: its secret is worth nothing any more; machines approved by it stay so'),
  ).action(async (id: string, options: ConnectOptions) => {
    await callOnce(options, 'DELETE', `/v1/enrolments/${encodeURIComponent(id)}`, z.undefined());
    if (options.json === true) printJson({ revoked: id });
    else process.stdout.write(`revoked: ${id}\n`);
  });
}

export async function createEnrolment(
  label: string,
  options: ConnectOptions & EnrolmentFlags,
): Promise<z.infer<typeof newEnrolmentSchema>> {
  const { validDays } = options;
  const asked = { label, ...(validDays === undefined ? {} : { validDays: Number(validDays) }) };
  const parsed = parseFlags(enrolmentRequestSchema, asked);
  return await callOnce(options, 'POST', '/v1/enrolments', newEnrolmentSchema, parsed);
}

async function list(options: ConnectOptions): Promise<void> {
  const enrolments = await callOnce(options, 'GET', '/v1/enrolments', z.array(enrolmentSchema));
  if (options.json === true) return printJson(enrolments);
  printTable(
    ['ID', 'LABEL', 'CREATED', 'EXPIRES', 'USES', 'LAST USED'],
    enrolments.map(({ id, label, createdAt, expiresAt, uses, lastUsedAt }) => {
      const past = expiresAt < new Date().toISOString() ? ' (expired)' : '';
      return [id, label, createdAt, `${expiresAt}${past}`, String(uses), lastUsedAt ?? ''];
    }),
  );
}
