// `deploy-os server`: runs the management server in the foreground until it is told to stop.
import { type Command, Option } from 'commander';
import { DeployError } from '../protocol/errors.ts';
import { defaultPort, readServerConfig, type ServerOptions } from '../server/config.ts';
import type { RunningServer } from '../server/start-server.ts';
import { addBackupCommands } from './server-backup.ts';
import { tellReady, tellStopping } from './service-notices.ts';

const stopWithinMs = 9000;

export function addCommands(program: Command): void {
  const env = (flags: string, text: string, name: string): Option => new Option(flags, text).env(`DEPLOY_OS_${name}`);
  const server = program.command('server').enablePositionalOptions();
  addBackupCommands(server);
  server
    .description('Run the management server: API, image store, boot files and, if asked, DHCP and TFTP')
    .addOption(env('--data <dir>', 'data directory: database, images, CA, tokens', 'DATA'))
    .addOption(env('--listen <address:port>', `where to listen (default: 0.0.0.0:${defaultPort})`, 'LISTEN'))
    .addOption(
      env('--advertise <address:port>', 'what machines are told (default: the address they reached)', 'ADVERTISE'),
    )
    .addOption(env('--boot-dir <dir>', 'what `deploy-os build` made (default: DATA/boot)', 'BOOT_DIR'))
    .addOption(
      env(
        '--database <url>',
        'sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME (default: DATA/deploy-os.sqlite)',
        'DATABASE',
      ),
    )
    .addOption(
      env(
        '--store <place>',
        'image store: directory, s3://BUCKET/PREFIX or s3+https://HOST/BUCKET/PREFIX (default: DATA/store)',
        'STORE',
      ),
    )
    .option('--allow-scripts', 'scenarios of administrators may run shell scripts on machines')
    .addOption(env('--approve <policy>', 'unknown machines: none waits for a person, all trusts them', 'APPROVE'))
    .addOption(
      env('--second-person', 'jobs that overwrite or run anything wait until another user agrees', 'SECOND_PERSON'),
    )
    .addOption(env('--openid <file>', 'let users log in through the OpenID Connect provider that it names', 'OPENID'))
    .addOption(env('--dhcp-interface <name>', 'run DHCP and TFTP (dnsmasq) on this interface', 'DHCP_INTERFACE'))
    .addOption(env('--dhcp-range <first,last>', 'hand out these addresses', 'DHCP_RANGE'))
    .addOption(env('--dhcp-proxy', 'only add boot options beside the DHCP server that is there', 'DHCP_PROXY'))
    .addOption(env('--tftp-only', 'only serve TFTP: the DHCP server that is there names the boot files', 'TFTP_ONLY'))
    .addOption(env('--kernel-args <text>', 'appended to the kernel command line of every machine', 'KERNEL_ARGS'))
    .addOption(env('--hooks <dir>', 'folder of programs that turn machines on and off (power driver hook)', 'HOOKS'))
    .addOption(
      env('--allow-bmc <ranges>', 'BMCs may be there, on this host or link-local: ADDRESS/PREFIX,…', 'ALLOW_BMC'),
    )
    .addOption(
      env(
        '--turn-on-per-second <number>',
        'so many machines are turned on for jobs in a second, at most (default: 5)',
        'TURN_ON_PER_SECOND',
      ),
    )
    .addOption(env('--log-level <level>', 'debug, info, warn, error or silent; JSON lines on stderr', 'LOG_LEVEL'))
    .action(run);
}

/** Not a mandatory option of commander's: that would be one of `server backup`, too, which has its own. */
async function run({ data, ...options }: Partial<ServerOptions>): Promise<void> {
  if (data === undefined) throw new DeployError('usage', 'which data directory? --data is missing');
  // Loaded only by who runs it: no help, and no backup, waits for all that a server is made of.
  const { startServer } = await import('../server/start-server.ts');
  const server = await startServer(readServerConfig({ data, ...options }));
  process.stderr.write(`${describe(server)}\n`);
  tellReady(`serving at ${server.url}`);
  await untilToldToStop();
  tellStopping();
  // Whatever hangs, the process is gone within 10 s: jobs live in the database and go on at the next start.
  setTimeout(() => process.exit(0), stopWithinMs).unref();
  await server.close();
}

/** The token itself is shown once, when it is made. */
function describe(server: RunningServer): string {
  const token = server.operatorTokenIsNew
    ? `operator token: ${server.operatorToken} (shown once; kept in ${server.operatorTokenFile})`
    : `operator token: in ${server.operatorTokenFile}`;
  return `deploy-os server at ${server.url}, CA ${server.caFingerprint}\n${token}`;
}

function untilToldToStop(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
}
