// `deploy-os settings …`: what holds for all servers on one database.
import type { Command } from 'commander';
import { DeployError } from '../protocol/errors.ts';
import { type Settings, settingsSchema } from '../protocol/settings.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { printJson } from './output.ts';

type LimitOptions = ConnectOptions & {
  readonly perServer?: string;
  readonly perNetwork?: string;
  readonly prefix?: string;
  readonly perStore?: string;
};

export function addCommands(program: Command): void {
  const settings = program.command('settings').description('Settings of all servers on one database');
  withServerOptions(settings.command('show').description('Show them')).action(async (options: ConnectOptions) =>
    print(await callOnce(options, 'GET', '/v1/settings', settingsSchema), options),
  );
  withServerOptions(settings.command('limits').description('Set how many jobs run at once'))
    .option('--per-server <n>', 'on machines connected to one server; none: no limit')
    .option('--per-network <n>', 'on machines in one network; none: no limit')
    .option('--prefix <bits>', 'which IPv4 addresses are one network: 24 unless told')
    .option('--per-store <n>', 'on all machines together; none: no limit')
    .action(setLimits);
  withServerOptions(
    settings.command('verify-images').description('Have the servers read every image again, one at a time'),
  )
    .requiredOption('--every <days>', 'how often each is read; none: only when somebody asks')
    .action(setVerification);
}

async function setVerification({ every, ...options }: ConnectOptions & { readonly every: string }): Promise<void> {
  const imageVerification = { everyDays: parseLimit('--every', every) };
  print(await callOnce(options, 'PATCH', '/v1/settings', settingsSchema, { imageVerification }), options);
}

async function setLimits({ perServer, perNetwork, prefix, perStore, ...options }: LimitOptions): Promise<void> {
  const jobLimits = {
    ...(perServer === undefined ? {} : { server: parseLimit('--per-server', perServer) }),
    ...(perNetwork === undefined ? {} : { network: parseLimit('--per-network', perNetwork) }),
    ...(prefix === undefined ? {} : { networkPrefix: parseLimit('--prefix', prefix) }),
    ...(perStore === undefined ? {} : { store: parseLimit('--per-store', perStore) }),
  };
  print(await callOnce(options, 'PATCH', '/v1/settings', settingsSchema, { jobLimits }), options);
}

function parseLimit(flag: string, text: string): number | null {
  if (text === 'none') return null;
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new DeployError('usage', `${flag}: '${text}' is neither a number nor none`);
  return Number(text);
}

function print(settings: Settings, options: ConnectOptions): void {
  if (options.json === true) {
    printJson(settings);
    return;
  }
  const { server, network, networkPrefix, store } = settings.jobLimits;
  const { everyDays } = settings.imageVerification;
  const words = (limit: number | null) => (limit === null ? 'no limit' : String(limit));
  process.stdout.write(
    `jobs at once\n  per server:  ${words(server)}\n  per network: ${words(network)} (/${networkPrefix})\n  per store:   ${words(store)}\nevery image verified: ${everyDays === null ? 'when somebody asks' : `every ${everyDays} days`}\n`,
  );
}
