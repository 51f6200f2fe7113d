// IPMI over the network (IPMI 2.0, RMCP+), spoken by ipmitool: chassis power and the device of the next boot.
import { DeployError } from '../../protocol/errors.ts';
import type { PowerState, SettingsOf } from '../../protocol/power.ts';
import type { OutgoingAddresses } from '../outgoing/addresses.ts';
import type { PowerChange, PowerDriver, PowerMachine } from './driver.ts';
import { runProgram } from './run-program.ts';

/** ipmitool asks again each second and three times in all, for each of the handshake's messages. */
const timeoutMs = 20_000;
const retries = ['-N', '1', '-R', '3'];

/** How BMCs are reached, and the password there. */
type Way = { readonly addresses: OutgoingAddresses; readonly password: string };

export function openIpmi(
  settings: SettingsOf<'ipmi'>,
  machine: PowerMachine,
  { addresses, password }: Way,
): PowerDriver {
  const { host, port, user, cipherSuite = 17 } = settings;
  const run = async (words: readonly string[], signal: AbortSignal): Promise<string> => {
    const [address] = await addresses.find(host, port);
    const where = ['-I', 'lanplus', '-H', address, '-p', String(port), '-U', user, '-C', String(cipherSuite)];
    try {
      // The environment of a process is its owner's; its command line is everybody's to read.
      const env = { IPMI_PASSWORD: password };
      return await runProgram({
        file: 'ipmitool',
        args: [...where, '-E', ...retries, ...words],
        env,
        timeoutMs,
        signal,
      });
    } catch (thrown) {
      throw explain(thrown, host);
    }
  };
  return {
    read: async (signal) => stateIn(await run(['chassis', 'power', 'status'], signal), host),
    ask: async (change: PowerChange, signal) => {
      await run(['chassis', 'power', change], signal);
    },
    bootFromNetwork: async (signal) => {
      // Without the word, a BMC may make a UEFI machine boot the BIOS way.
      const options = machine.firmware === 'uefi' ? ['options=efiboot'] : [];
      try {
        await run(['chassis', 'bootdev', 'pxe', ...options], signal);
      } catch (thrown) {
        throw explainBootDevice(thrown, host);
      }
    },
  };
}

function stateIn(said: string, host: string): PowerState {
  const state = /^Chassis Power is (on|off)\s*$/m.exec(said)?.[1];
  if (state === undefined)
    throw new DeployError('power-failed', `ipmitool does not say what the machine of ${host} is`);
  return state as PowerState;
}

function explain(thrown: unknown, host: string): unknown {
  if (!(thrown instanceof DeployError)) return thrown;
  if (thrown.code === 'tool-missing') {
    return new DeployError('tool-missing', 'ipmitool is not on this server', {
      cause: thrown,
      hint: 'Install it: apt-get install ipmitool',
    });
  }
  if (thrown.code !== 'power-failed') return thrown;
  return new DeployError('power-failed', `the BMC ${host}: ${thrown.message}`, {
    cause: thrown,
    hint: 'Is IPMI over LAN on in the BMC, and are user, password and cipher suite right? `ipmitool -I lanplus -H ADDRESS -U USER -a chassis power status` asks the same.',
  });
}

/** It is the BMC's word on that very parameter (IPMI 2.0, 28.12), and not that nobody was reached. */
export function explainBootDevice(thrown: unknown, host: string): unknown {
  if (!(thrown instanceof DeployError) || !/Set Chassis Boot Parameter \d+ failed/i.test(thrown.message)) return thrown;
  return new DeployError('power-unsupported', `the BMC ${host} cannot make it boot from the network once`, {
    cause: thrown,
    hint: 'Set the network first in the order of its firmware: without a job it goes on to its own disk within seconds.',
  });
}
