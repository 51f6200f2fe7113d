// `deploy-os machine power` and `set-power`: turns machines on and off, and says by which way.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Argument, type Command, InvalidArgumentError } from 'commander';
import { DeployError } from '../protocol/errors.ts';
import {
  type Power,
  type PowerAction,
  type PowerAnswer,
  powerActionSchema,
  powerAnswerSchema,
  powerBodySchema,
  powerSchema,
} from '../protocol/power.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { readPassword } from './login.ts';
import { failWith, printJson, printTable } from './output.ts';
import { parseFlags } from './parse-flags.ts';

const pollMs = 3000;
const defaultWaitSeconds = 300;

type ActFlags = ConnectOptions & { readonly networkBoot?: true; readonly force?: true; readonly wait: number };
type SetFlags = ConnectOptions & {
  readonly none?: true;
  readonly wakeOnLan?: true;
  readonly redfish?: string;
  readonly ipmi?: string;
  readonly hook?: string;
  readonly mac?: readonly string[];
  readonly broadcast?: readonly string[];
  readonly secureOn?: string;
  readonly port?: number;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly keepPassword?: true;
  readonly certificate?: string;
  readonly caFile?: string;
  readonly system?: string;
  readonly basic?: true;
  readonly plainHttp?: true;
  readonly cipherSuite?: number;
};

export function addPowerCommands(machine: Command): void {
  withServerOptions(machine.command('power').description('Turn machines on or off by their power drivers, or look'))
    .addArgument(new Argument('<action>', 'what to do').choices(powerActionSchema.options))
    .argument('<machine...>', 'id or name')
    .option('--network-boot', 'with on and cycle: boot from the network this once')
    .option('--force', 'also while a job runs on it, which is torn down')
    .option('--wait <seconds>', 'how long to watch a shutdown (soft)', parseNumber, defaultWaitSeconds)
    .action(act);
  withServerOptions(
    machine.command('set-power <machine>').description('Say how it is turned on and off; without a driver, show it'),
  )
    .option('--none', 'by hand only')
    .option('--wake-on-lan', 'by magic packets, which turn it on and not off')
    .option('--mac <address...>', 'NICs to wake (default: those that it has shown)')
    .option('--broadcast <address...>', 'where to send magic packets to as well')
    .option('--secure-on <bytes>', 'password of the magic packet: 01:02:03:04:05:06')
    .option('--redfish <url>', 'by its BMC with Redfish: https://ADDRESS')
    .option('--ipmi <address>', 'by its BMC with IPMI 2.0')
    .option('--user <name>', 'of the BMC')
    .option('--password-file <file>', 'its first line is the password (- is standard input); else it is asked for')
    .option('--keep-password', 'the one that the server has, for the same address and user')
    .option('--certificate <fingerprint>', "sha256:… of the BMC's certificate, which nobody need have signed")
    .option('--ca-file <file>', "PEM of the CA that has signed the BMC's certificate")
    .option('--system <id>', 'of a BMC with several systems')
    .option('--basic', 'the password with each request, for a BMC without sessions')
    .option('--plain-http', 'take an http: address, and send the password in the clear')
    .option('--port <number>', 'of IPMI (623) or of magic packets (9)', parseNumber)
    .option('--cipher-suite <number>', 'of IPMI: 17, or 3 for an older BMC', parseNumber)
    .option('--hook <program>', "by a program in the server's --hooks folder")
    .action(set);
}

function parseNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('a whole number is wanted');
}

function pathOf(machine: string): string {
  return `/v1/machines/${encodeURIComponent(machine)}/power`;
}

/** One after the other; what goes wrong with one does not keep the rest from it. */
async function act(action: PowerAction, machines: string[], flags: ActFlags): Promise<void> {
  const answers: (PowerAnswer & { machine: string })[] = [];
  let failure: DeployError | null = null;
  for (const machine of machines) {
    try {
      answers.push({ machine, ...(await actOn(machine, action, flags)) });
    } catch (thrown) {
      if (!(thrown instanceof DeployError) || machines.length === 1) throw thrown;
      if (failure !== null) failWith(failure);
      failure = thrown;
    }
  }
  if (flags.json === true) printJson(machines.length === 1 ? answers[0] : answers);
  else for (const { machine, message } of answers) process.stdout.write(`${machine}: ${message}\n`);
  failWith(failure);
}

async function actOn(machine: string, action: PowerAction, flags: ActFlags): Promise<PowerAnswer> {
  const body = {
    ...(flags.networkBoot === true ? { networkBoot: true } : {}),
    ...(flags.force === true ? { force: true } : {}),
  };
  const ask = (asked: PowerAction, with_: object) =>
    callOnce(flags, 'POST', `${pathOf(machine)}/${asked}`, powerAnswerSchema, with_);
  const answer = await ask(action, body);
  if (action !== 'soft' || answer.verified || answer.state === 'unknown') return answer;
  for (const deadlineMs = performance.now() + flags.wait * 1000; performance.now() < deadlineMs; ) {
    await sleep(pollMs);
    const { state } = await ask('status', {});
    if (state === 'off') return { ...answer, state, verified: true, message: 'it is off' };
  }
  throw new DeployError('power-failed', `${machine} was asked to shut down, and is on after ${flags.wait} s`, {
    hint: 'Its system may ignore the button, or wait for somebody. `machine power off` does not ask it.',
  });
}

async function set(machine: string, flags: SetFlags): Promise<void> {
  const drivers = (['none', 'wakeOnLan', 'redfish', 'ipmi', 'hook'] as const).filter(
    (name) => flags[name] !== undefined,
  );
  if (drivers.length > 1) throw new DeployError('usage', 'a machine has one power driver');
  if (drivers.length === 0) return show(machine, await callOnce(flags, 'GET', pathOf(machine), powerSchema), flags);
  const parsed = parseFlags(powerBodySchema, await bodyOf(flags));
  show(machine, await callOnce(flags, 'PUT', pathOf(machine), powerSchema, parsed), flags);
}

async function bodyOf(flags: SetFlags): Promise<object> {
  const { port, user, system, certificate } = flags;
  if (flags.none) return { driver: 'none' };
  if (flags.hook !== undefined) return { driver: 'hook', program: flags.hook };
  if (flags.wakeOnLan) {
    const { mac: macs, broadcast, secureOn: password } = flags;
    return given({ driver: 'wake-on-lan', macs, broadcast, port, password });
  }
  const password = flags.keepPassword ? undefined : await readPassword(flags.passwordFile);
  if (flags.ipmi !== undefined) {
    return given({ driver: 'ipmi', host: flags.ipmi, port, user, password, cipherSuite: flags.cipherSuite });
  }
  const ca = flags.caFile === undefined ? undefined : readFileSync(flags.caFile, 'utf8');
  const { redfish: url, basic, plainHttp } = flags;
  return given({ driver: 'redfish', url, user, password, certificate, ca, system, plainHttp, auth: basic && 'basic' });
}

function given(body: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

function show(machine: string, power: Power, { json }: ConnectOptions): void {
  if (json === true) {
    printJson(power);
    return;
  }
  const { driver, ...settings } = power.settings;
  const rows = Object.entries(settings).map(([name, value]) => [name, String(value).split('\n', 1)[0] ?? '']);
  const seen = power.stateAt === null ? 'not looked at yet' : `${power.state} at ${power.stateAt}`;
  printTable(
    ['MACHINE', machine],
    [['driver', driver], ...rows, ['password', power.hasPassword ? 'kept' : 'none'], ['state', seen]],
  );
}
