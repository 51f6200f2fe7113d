// What every power driver can do; each is one file or folder beside this one, and all pass one suite (test/server/power/).
import type { PowerState } from '../../protocol/power.ts';

export type PowerDriver = {
  /** What the machine is now; `unknown` where the driver has no way to know. */
  read(signal: AbortSignal): Promise<PowerState>;
  /** Asks for it, and returns once that was taken; the state follows. `soft` asks the running system to shut down. */
  ask(change: PowerChange, signal: AbortSignal): Promise<void>;
  /** The next boot, and no later one, is from the network. Absent where the driver cannot say so. */
  bootFromNetwork?(signal: AbortSignal): Promise<void>;
};

export type PowerChange = 'on' | 'off' | 'soft';

/** What a driver is told of the machine besides its settings. */
export type PowerMachine = {
  readonly id: string;
  readonly name: string;
  readonly uuid: string | null;
  readonly firmware: 'bios' | 'uefi' | null;
  readonly macs: readonly string[];
  readonly addresses: readonly string[];
  /** The networks where it was last seen: `192.0.2.5/24`. */
  readonly networks: readonly string[];
};
