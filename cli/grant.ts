// `deploy-os grant …`: what people may with the machines of a group, besides what they may with all.
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { grantRoles, grantSchema } from '../protocol/people.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { printJson, printTable } from './output.ts';

export function addCommands(program: Command): void {
  const grant = program.command('grant').description('Roles of people on groups of machines');
  withServerOptions(grant.command('list').description('List who has a role on which group')).action(list);
  withServerOptions(grant.command('add <user> <group>').description('Give somebody a role on the machines of a group'))
    .addOption(new Option('--role <role>', 'what they may with them').choices(grantRoles).makeOptionMandatory())
    .action(async (user: string, group: string, options: ConnectOptions & { readonly role: string }) => {
      const made = await callOnce(options, 'POST', '/v1/grants', grantSchema, { user, group, role: options.role });
      if (options.json === true) printJson(made);
      else process.stdout.write(`granted: ${made.userName} is ${made.role} of ${made.groupName}\n`);
    });
  withServerOptions(grant.command('remove <user> <group>').description('Take it away')).action(
    async (user: string, group: string, options: ConnectOptions) => {
      const path = `/v1/grants/${encodeURIComponent(user)}/${encodeURIComponent(group)}`;
      await callOnce(options, 'DELETE', path, z.undefined());
      if (options.json === true) printJson({ removed: { user, group } });
      else process.stdout.write(`removed: ${user} of ${group}\n`);
    },
  );
}

async function list(options: ConnectOptions): Promise<void> {
  const grants = await callOnce(options, 'GET', '/v1/grants', z.array(grantSchema));
  if (options.json === true) return printJson(grants);
  printTable(
    ['USER', 'GROUP', 'ROLE', 'SINCE'],
    grants.map(({ userName, groupName, role, createdAt }) => [userName, groupName, role, createdAt]),
  );
}
