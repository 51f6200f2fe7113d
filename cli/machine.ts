// `deploy-os machine …`: who has shown up, and who is trusted.
import type { Command } from 'commander';
import { z } from 'zod';
import { bootProfileSchema } from '../protocol/boot-profile.ts';
import { machineSchema, oneMachineSchema } from '../protocol/rest.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { addDisksCommand } from './machine-disks.ts';
import { addFileCommands } from './machine-file.ts';
import { addListCommand } from './machine-list.ts';
import { addPowerCommands } from './machine-power.ts';
import { formatBytes, printJson, printTable } from './output.ts';

export function addCommands(program: Command): void {
  const machine = program
    .command('machine')
    .description('Managed machines: list, approve, rename, tag, forget, and their disks');
  addListCommand(machine);
  addFileCommands(machine);
  withServerOptions(
    machine.command('show <machine>').description('Show one machine (id or name) with its inventory'),
  ).action(async (name: string, options: ConnectOptions) =>
    show(await callOnce(options, 'GET', pathOf(name), oneMachineSchema), options),
  );
  addDisksCommand(machine);
  addPowerCommands(machine);
  withServerOptions(
    machine.command('set <machine>').description('Choose what it boots, whatever the rules of boot profiles say'),
  )
    .requiredOption('--boot-profile <profile>', 'its name or id; empty: as the rules say')
    .action((name: string, options: ConnectOptions & { readonly bootProfile: string }) =>
      change(name, { bootProfile: options.bootProfile || null }, options, 'set'),
    );
  withServerOptions(machine.command('approve <machine...>').description('Let machines take jobs')).action(
    async (names: string[], options: ConnectOptions) => {
      for (const name of names) await change(name, { state: 'approved' }, options, 'approved');
    },
  );
  withServerOptions(machine.command('rename <machine> <name>').description('Give it a name that people know')).action(
    (name: string, newName: string, options: ConnectOptions) => change(name, { name: newName }, options, 'renamed'),
  );
  withServerOptions(machine.command('tag <machine> <tag...>').description('Put tags on it, or take them off'))
    .option('--remove', 'take them off')
    .action((name: string, tags: string[], options: ConnectOptions & { readonly remove?: boolean }) =>
      change(name, { [options.remove ? 'removeTags' : 'addTags']: tags }, options, 'tagged'),
    );
  withServerOptions(
    machine
      .command('merge <machine> <other>')
      .description('The other is the same machine: its record goes into this one'),
  ).action(async (name: string, from: string, options: ConnectOptions) => {
    const merged = await callOnce(options, 'POST', `${pathOf(name)}/merge`, machineSchema, { from });
    if (options.json === true) printJson(merged);
    else process.stdout.write(`merged: ${from} into ${merged.name} (${merged.id})\n`);
  });
  withServerOptions(
    machine
      .command('forget-identity <machine> <identity>')
      .description('It is not known by that: uuid:…, serial:… or mac:…'),
  ).action(async (name: string, identity: string, options: ConnectOptions) => {
    await callOnce(options, 'DELETE', `${pathOf(name)}/identities/${encodeURIComponent(identity)}`, z.undefined());
    if (options.json === true) printJson({ forgotten: identity });
    else process.stdout.write(`forgotten: ${identity} of ${name}\n`);
  });
  withServerOptions(machine.command('forget <machine>').description('Forget it, as if it had never shown up')).action(
    async (name: string, options: ConnectOptions) => {
      await callOnce(options, 'DELETE', pathOf(name), z.undefined());
      if (options.json === true) printJson({ forgotten: name });
      else process.stdout.write(`forgotten: ${name}\n`);
    },
  );
}

function pathOf(name: string): string {
  return `/v1/machines/${encodeURIComponent(name)}`;
}

async function change(name: string, patch: object, options: ConnectOptions, done: string): Promise<void> {
  const machine = await callOnce(options, 'PATCH', pathOf(name), machineSchema, patch);
  if (options.json === true) printJson(machine);
  else process.stdout.write(`${done}: ${machine.name} (${machine.id})\n`);
}

async function show(machine: z.infer<typeof oneMachineSchema>, options: ConnectOptions): Promise<void> {
  if (options.json === true) {
    printJson(machine);
    return;
  }
  const { inventory } = machine;
  process.stdout.write(
    `${machine.name} (${machine.id}): ${machine.state}, ${machine.online ? 'online' : `last seen ${machine.lastSeenAt ?? 'never'}`}\n`,
  );
  for (const [word, values] of [
    ['tags', machine.tags],
    ['groups', machine.groups.map((group) => group.name)],
  ] as const) {
    if (values.length > 0) process.stdout.write(`${word}: ${values.join(', ')}\n`);
  }
  process.stdout.write(`known by: ${machine.identities.join(', ') || 'nothing'}\n`);
  for (const { kind, value, with: other } of machine.conflicts) {
    process.stdout.write(`conflict: ${other.name} (${other.id}) has ${kind} ${value}, too\n`);
  }
  if (machine.bootProfileId !== null) {
    const profilePath = `/v1/boot-profiles/${machine.bootProfileId}`;
    const profile = await callOnce(options, 'GET', profilePath, bootProfileSchema);
    process.stdout.write(`boot profile: ${profile.name}\n`);
  }
  if (inventory === null) return;
  process.stdout.write(
    `${inventory.cpu.count} x ${inventory.cpu.model}, ${formatBytes(inventory.memoryBytes)}, ${inventory.firmware}${inventory.secureBoot ? ' with Secure Boot' : ''}\nwatchdog: ${inventory.watchdog ?? 'none'}\n\n`,
  );
  printTable(
    ['NIC', 'MAC', 'DRIVER', 'LINK', 'ERRORS', 'ADDRESSES', 'RESULT'],
    inventory.nics.map((nic) => [
      nic.name,
      nic.mac,
      nic.driver ?? '',
      nic.link ? linkWords(nic) : 'down',
      String(nic.errors),
      nic.addresses.join(' '),
      nic.result ?? '',
    ]),
  );
  process.stdout.write('\n');
  printTable(
    ['DISK', 'NAME', 'SIZE', 'MODEL', 'SERIAL', 'BUS'],
    inventory.disks.map((disk) => [
      String(disk.number),
      disk.kernelName,
      formatBytes(disk.sizeBytes),
      disk.model ?? '',
      disk.serial ?? '',
      disk.bus,
    ]),
  );
}

function linkWords({ speedMbps, duplex }: { speedMbps: number | null; duplex: string | null }): string {
  return ['up', ...(speedMbps === null ? [] : [`${speedMbps} Mb/s`]), ...(duplex === null ? [] : [duplex])].join(' ');
}
