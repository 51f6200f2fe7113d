// What an ATA disk without Sanitize erases itself with: SECURITY ERASE UNIT (ACS-4, 4.18 and 7.37 to 7.42). It needs a password, which the disk forgets when it is done.
import { DeployError } from '../../protocol/errors.ts';
import { sendAtaCommand } from './ata-command.ts';
import { type AtaFacts, identifyAta } from './ata-identify.ts';
import { nameEraseWay } from './erase-ways.ts';
import { eraseFailed, onOneLine } from './poll-erase.ts';
import type { EraseFacts, EraseRun, Sanitizer } from './sanitizer.ts';

const commands = { setPassword: 0xf1, erasePrepare: 0xf3, eraseUnit: 0xf4, disablePassword: 0xf6 };
const enhancedErase = 2;
/** Known to everybody: it keeps nothing from anybody, and whoever finds the disk locked can unlock it. */
const erasePassword = 'deploy-os';
const reportMs = 2000;
/** The erase has one answer, at its end: so much longer than the disk estimates, and this where it does not. */
const patience = 2;
const leastSeconds = 60 * 60;
const unknownSeconds = 24 * 60 * 60;
/** Whatever it estimates: the kernel counts milliseconds in 31 bits. */
const mostSeconds = 14 * 24 * 60 * 60;

type Way = 'secure-erase-enhanced' | 'secure-erase-normal';

/** The block that goes with a command (ACS-4, table 187): the user's password, high security, and of an erase its mode. */
export function securityBlock(mode: 'enhanced' | 'normal' = 'normal'): Buffer {
  const block = Buffer.alloc(512);
  block.writeUInt16LE(mode === 'enhanced' ? enhancedErase : 0, 0);
  block.write(erasePassword, 2, 32, 'latin1');
  return block;
}

/** Of what IDENTIFY DEVICE says. A password that the disk has may be ours, of an erase that was cut off: it is tried if `withPassword`. */
export function findSecureErase(
  devicePath: string,
  label: string,
  { security, withPassword }: Pick<AtaFacts, 'security'> & { readonly withPassword: boolean },
): EraseFacts {
  if (security === null) return { sanitizers: [], hindrances: [] };
  const hindrance = findHindrance(security, withPassword);
  if (hindrance !== null) return { sanitizers: [], hindrances: [hindrance] };
  const { enhanced, enhancedMinutes, normalMinutes } = security;
  const make = (way: Way, minutes: number | null): Sanitizer => ({
    way,
    name: `ATA ${nameEraseWay(way)}`,
    run: (run) => eraseUnit(devicePath, label, { way, minutes, run, hasPassword: security.enabled }),
  });
  return {
    sanitizers: [
      ...(enhanced ? [make('secure-erase-enhanced', enhancedMinutes)] : []),
      make('secure-erase-normal', normalMinutes),
    ],
    hindrances: [],
  };
}

function findHindrance(
  { frozen, expired, enabled }: NonNullable<AtaFacts['security']>,
  withPassword: boolean,
): string | null {
  if (frozen) {
    return 'the machine’s firmware has frozen its security settings: unplug the disk and plug it in again while the machine runs, or have the machine sleep and wake, or look for a setting in the firmware';
  }
  if (expired) return 'it has been given too many wrong passwords: switch it off and on';
  return enabled && !withPassword ? 'it has an ATA password' : null;
}

type Erase = {
  readonly way: Way;
  readonly minutes: number | null;
  readonly hasPassword: boolean;
  readonly run: EraseRun;
};

async function eraseUnit(devicePath: string, label: string, { way, minutes, hasPassword, run }: Erase): Promise<void> {
  if (!hasPassword) {
    const set = await sendAtaCommand(devicePath, { command: commands.setPassword, sent: securityBlock() });
    if (!set.ok) throw eraseFailed(label, `it did not take a password: ${set.said}`);
  }
  const erased = await sendErase(devicePath, { way, minutes, run, describe: describeErase(label, minutes) });
  await confirmUnlocked(devicePath, label, { said: erased.said, isErased: erased.ok, hasPassword });
}

async function sendErase(
  devicePath: string,
  { way, minutes, run, describe }: Pick<Erase, 'way' | 'minutes' | 'run'> & { readonly describe: string },
): Promise<{ readonly ok: boolean; readonly said: string }> {
  const prepared = await sendAtaCommand(devicePath, { command: commands.erasePrepare });
  if (!prepared.ok) return prepared;
  run.onBegin();
  run.onWarning?.(describe);
  const stop = reportByEstimate(minutes, run);
  const sent = securityBlock(way === 'secure-erase-enhanced' ? 'enhanced' : 'normal');
  const timeoutSeconds = eraseSeconds(minutes);
  try {
    return await sendAtaCommand(devicePath, { command: commands.eraseUnit, sent, timeoutSeconds });
  } catch {
    // Whether it was erased all the same, the disk's security says.
    return { ok: false, said: 'it did not answer in time' };
  } finally {
    stop();
  }
}

/** How long to wait for the answer. */
export function eraseSeconds(minutes: number | null): number {
  return minutes === null ? unknownSeconds : Math.min(leastSeconds + minutes * 60 * patience, mostSeconds);
}

/** Said before: whoever cuts the power finds a locked disk. */
function describeErase(label: string, minutes: number | null): string {
  const takes =
    minutes === null ? 'it does not say how long that takes' : `that takes ${minutes} minutes by its own word`;
  return `${label} erases itself now, and nothing can stop it: ${takes}. Without power meanwhile it stays locked, with the user password '${erasePassword}'`;
}

/** The disk says nothing while it works: how far it is, is a guess from its own estimate. */
function reportByEstimate(minutes: number | null, { onProgress }: EraseRun): () => void {
  if (minutes === null) return () => {};
  const begunMs = performance.now();
  const timer = setInterval(
    () => onProgress(Math.min((performance.now() - begunMs) / (minutes * 60_000), 0.99)),
    reportMs,
  );
  return () => clearInterval(timer);
}

type Ended = { readonly said: string; readonly isErased: boolean; readonly hasPassword: boolean };

/** Security is off after an erase. After one that failed it is switched off, so that the disk is not locked at its next start. @throws DeployError target-write */
async function confirmUnlocked(
  devicePath: string,
  label: string,
  { said, isErased, hasPassword }: Ended,
): Promise<void> {
  const isOn = async () => (await identifyAta(devicePath))?.security?.enabled ?? true;
  if (isErased && !(await isOn())) return;
  await sendAtaCommand(devicePath, { command: commands.disablePassword, sent: securityBlock() });
  if (!(await isOn())) throw eraseFailed(label, isErased ? 'it kept its password, which has been taken off' : said);
  const whose = hasPassword
    ? `It had a password before, which may not be '${erasePassword}'`
    : `It has the user password '${erasePassword}'`;
  throw new DeployError(
    'target-write',
    `${label} did not erase itself: ${onOneLine(said)}. ${whose}, and is locked when it is switched on next`,
    {
      hint: `Wipe it again with --method secure-erase, or unlock it: hdparm --user-master u --security-unlock ${erasePassword} DEVICE, then --security-disable.`,
    },
  );
}
