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
import { fetchMachines } from './machine-list.ts';
import { failWith, printJson, printTable } from './output.ts';
import { parseFlags } from './parse-flags.ts';

const pollMs = 3000;
const defaultWaitSeconds = 300;
const defaultStaggerSeconds = 1;
/** Between one request and the next, whatever is said: a thousand machines make no thousand connections at once. */
const leastPauseMs = 50;

type ActFlags = ConnectOptions & {
  readonly group?: string;
  readonly networkBoot?: true;
  readonly force?: true;
  readonly wait: number;
  readonly stagger: number;
};
type SetFlags = ConnectOptions & {
  readonly group?: string;
  readonly test?: true;
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
    .argument('[machine...]', 'id or name')
    .option('--group <group>', 'every machine of this group')
    .option('--network-boot', 'with on and cycle: boot from the network this once')
    .option('--force', 'also while a job runs on it, which is torn down')
    .option('--wait <seconds>', 'how long to watch a shutdown (soft)', parseNumber, defaultWaitSeconds)
    .option(
      '--stagger <seconds>',
      'from one machine to the next, with on and cycle: not all start in the same second',
      parseNumber,
      defaultStaggerSeconds,
    )
    .action(act);
  withServerOptions(
    machine.command('set-power [machine...]').description('Say how it is turned on and off; without a driver, show it'),
  )
    .option('--group <group>', 'every machine of this group')
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
    .option('--test', 'and ask it at once whether the machine is on')
    .action(set);
}

function parseNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('a whole number is wanted');
}

function pathOf(machine: string): string {
  return `/v1/machines/${encodeURIComponent(machine)}/power`;
}

/** Each begins a moment after the one before it; what goes wrong with one does not keep the rest from it. */
async function act(action: PowerAction, named: string[], flags: ActFlags): Promise<void> {
  const machines = await machinesOf(named, flags);
  const starts = action === 'on' || action === 'cycle';
  const pauseMs = starts ? Math.max(leastPauseMs, flags.stagger * 1000) : leastPauseMs;
  const outcomes = await Promise.allSettled(
    machines.map(async (machine, i) => {
      await sleep(i * pauseMs);
      const answer = { machine, ...(await actOn(machine, action, flags)) };
      if (flags.json !== true) process.stdout.write(`${machine}: ${answer.message}\n`);
      return answer;
    }),
  );
  const answers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (flags.json === true && answers.length > 0) printJson(machines.length === 1 ? answers[0] : answers);
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue;
    if (machines.length === 1 || !(outcome.reason instanceof DeployError)) throw outcome.reason;
    failWith(outcome.reason);
  }
}

/** Those that were named, or all of the group. */
async function machinesOf(named: readonly string[], flags: ConnectOptions & { group?: string }): Promise<string[]> {
  const { group } = flags;
  if ((group === undefined) === (named.length === 0)) {
    throw new DeployError('usage', 'which machine? Name one, several, or --group');
  }
  return group === undefined ? [...named] : (await fetchMachines({ ...flags, group })).map(({ name }) => name);
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

async function set(named: string[], flags: SetFlags): Promise<void> {
  const drivers = (['none', 'wakeOnLan', 'redfish', 'ipmi', 'hook'] as const).filter(
    (name) => flags[name] !== undefined,
  );
  if (drivers.length > 1) throw new DeployError('usage', 'a machine has one power driver');
  const machines = await machinesOf(named, flags);
  const ofOne = flags.redfish ?? flags.ipmi ?? flags.mac;
  if (machines.length > 1 && ofOne !== undefined)
    throw new DeployError('usage', `${ofOne} is of one machine, and not of ${machines.length}`);
  const body = drivers.length === 0 ? null : parseFlags(powerBodySchema, await bodyOf(flags));
  const shown: Power[] = [];
  for (const machine of machines) {
    const ask = body === null ? (['GET'] as const) : (['PUT', body] as const);
    let power = await callOnce(flags, ask[0], pathOf(machine), powerSchema, ask[1]);
    if (flags.test === true && power.settings.driver !== 'none') {
      await callOnce(flags, 'POST', `${pathOf(machine)}/status`, powerAnswerSchema, {});
      power = await callOnce(flags, 'GET', pathOf(machine), powerSchema);
    }
    shown.push(power);
    if (flags.json !== true) show(machine, power);
  }
  if (flags.json === true) printJson(machines.length === 1 ? shown[0] : shown);
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

function show(machine: string, power: Power): void {
  const { driver, ...settings } = power.settings;
  const rows = Object.entries(settings).map(([name, value]) => [name, String(value).split('\n', 1)[0] ?? '']);
  const seen = power.stateAt === null ? 'not looked at yet' : `${power.state} at ${power.stateAt}`;
  printTable(
    ['MACHINE', machine],
    [['driver', driver], ...rows, ['password', power.hasPassword ? 'kept' : 'none'], ['state', seen]],
  );
}
