// The `deploy-os` command: every verb a person types. It parses, calls the folder that does the work, and prints.
import { Command, CommanderError } from 'commander';
import { type DeployError, errorCatalogue, toDeployError } from '../protocol/errors.ts';
import { version } from '../server/version.ts';
import { printError } from './output.ts';

/** Each file adds the verbs of one noun, or only the one that is asked for; it is loaded only when one of them is. */
type NounFile = { addCommands(program: Command, verb?: string): void | Promise<void> };

const nouns: Record<string, () => Promise<NounFile>> = {
  'approval-rule': () => import('./approval-rule.ts'),
  audit: () => import('./audit.ts'),
  batch: () => import('./batch.ts'),
  'boot-profile': () => import('./boot-profile.ts'),
  build: () => import('./build.ts'),
  completion: () => import('./completion.ts'),
  disk: () => import('./disk.ts'),
  disks: () => import('./disks.ts'),
  doctor: () => import('./doctor.ts'),
  enrolment: () => import('./enrolment.ts'),
  grant: () => import('./grant.ts'),
  group: () => import('./group.ts'),
  image: () => import('./image.ts'),
  'image-check': () => import('./image-check.ts'),
  job: () => import('./job.ts'),
  key: () => import('./key.ts'),
  login: () => import('./login.ts'),
  logout: () => import('./login.ts'),
  machine: () => import('./machine.ts'),
  medium: () => import('./medium.ts'),
  scenario: () => import('./scenario.ts'),
  schedule: () => import('./schedule.ts'),
  server: () => import('./server.ts'),
  settings: () => import('./settings.ts'),
  store: () => import('./store.ts'),
  token: () => import('./token.ts'),
  user: () => import('./user.ts'),
  whoami: () => import('./login.ts'),
};

async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('deploy-os')
    .description('Puts disks onto machines and takes them off again, over the network.')
    .version(version)
    // Flags belong to the verb that they stand behind: `server backup` has some that `server` has, too.
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError('(try --help)');
  // Completion is of all of them.
  const one = argv[0] !== undefined && argv[0] !== 'completion' && Object.hasOwn(nouns, argv[0]);
  const none = argv[0] === '--version' || argv[0] === '-V';
  const asked = one ? [argv[0] ?? ''] : none ? [] : Object.keys(nouns);
  const files = new Set(await Promise.all(asked.map((noun) => nouns[noun]?.())));
  for (const file of files) await file?.addCommands(program, one ? argv[1] : undefined);
  await program.parseAsync(argv, { from: 'user' });
}

// Whoever read our words has gone (`| head`, a lost terminal): a restore goes on all the same.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

try {
  await main(process.argv.slice(2));
} catch (thrown) {
  if (thrown instanceof CommanderError) {
    process.exitCode = thrown.exitCode === 0 ? 0 : errorCatalogue.usage.exitStatus;
  } else {
    const error: DeployError = toDeployError(thrown);
    printError(error, process.argv.includes('--json'));
    process.exitCode = errorCatalogue[error.code].exitStatus;
  }
}
