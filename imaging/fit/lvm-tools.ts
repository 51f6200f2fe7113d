// LVM's own tools, as growing and new ids run them: they are told that there is no device mapper, so they change metadata only, and they
// see one device only. Whatever groups this machine has, of the same name or not, are left alone.
import type { ErrorCode } from '../../protocol/errors.ts';
import { mustRun } from '../run-tool.ts';

/** Runs a command of LVM; answers what it printed. @throws the code that was given, tool-missing */
export type Lvm = (command: string, ...args: string[]) => Promise<string>;

/** LVM on the physical volume at `devicePath` alone; what fails, fails with `code`. */
export function lvmOn(devicePath: string, code: ErrorCode): Lvm {
  const only = `devices{use_devicesfile=0 hints="none" filter=["a|^${devicePath}$|","r|.*|"]}`;
  const alone = 'activation{monitoring=0 udev_sync=0 udev_rules=0} global{event_activation=0 use_lvmpolld=0}';
  const config = ['--config', `${only} ${alone} backup{backup=0 archive=0}`, '--driverloaded', 'n'];
  return async (command, ...args) => await mustRun(code, command, [...config, ...args]);
}
