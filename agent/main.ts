// The one program of the Deploy-OS, started by PID 1 and started again when it dies. The folders' numbers are the order of its stages.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { listDisks } from '../imaging/blockdev/list-disks.ts';
import { toDeployError } from '../protocol/errors.ts';
import { assembleDisks } from './1-boot/assemble-disks.ts';
import { parseCommandLine, readBootWords, readSettingWords } from './1-boot/command-line.ts';
import { waitForDevices, waitForDrivers } from './1-boot/devices.ts';
import { lookAtDisks } from './1-boot/look-at-disks.ts';
import { readSettings } from './1-boot/settings.ts';
import { warnOfErasing } from './1-boot/warn-of-erasing.ts';
import { warnOnChange } from './1-boot/warn-on-change.ts';
import { findServer } from './3-server/find-server.ts';
import { keepServer } from './3-server/keep-server.ts';
import { NicSearch } from './3-server/nic-search.ts';
import { askToken } from './4-register/ask-token.ts';
import { collectInventory, readUuid } from './4-register/inventory.ts';
import { chooseWorkers, readAvailableMemory } from './5-job/workers.ts';
import { endMachine } from './6-end/end-machine.ts';
import { loadKernel, refuseKexec } from './6-end/load-kernel.ts';
import { makeFormHost, settleGiven, waitForSettings } from './form/apply.ts';
import { addGiven, readGiven } from './form/given.ts';
import { openScreens } from './form/screens.ts';
import { runAgent } from './run-agent.ts';
import { type Log, Status } from './screen/status.ts';
import { showStatus } from './screen/terminals.ts';
import { languages } from './screen/words/languages.ts';
import { watchHardware } from './watch/hardware-watch.ts';
import { watchKernel } from './watch/watch-kernel.ts';
import { Watchdog } from './watch/watchdog.ts';

/** A server may be away for so long without ending a job. */
const outageMs = 60 * 60_000;
/** As long as the wait for devices at the start: what hangs on a fabric or on USB may come last. */
const lateDiskMs = 30_000;
/** For the status page to show why the agent ends; PID 1 waits on its own account before it starts another. */
const lastWordsMs = 2000;

async function main(status: Status): Promise<void> {
  await waitForDrivers();
  const kernelText = await readFile('/proc/cmdline', 'utf8');
  const given = await readGiven();
  const text = given === null ? kernelText : addGiven(kernelText, given.words);
  const { language, progressMs, watchdogSeconds } = readBootWords(text);
  const { settings } = readSettings(readSettingWords(text));
  status.update({ serverUrl: settings?.serverUrl ?? '-', stage: (words) => words.stage.devices });
  const words = languages[language];
  const host = makeFormHost(status, { kernelText, text });
  const shellOnLines = /(^|\s)deploy\.shell(\s|$)/.test(kernelText);
  showStatus(status, await openScreens({ host, words, shellOnLines, openAtOnce: settings === null }), progressMs);
  const starts = Number(process.env.DEPLOY_AGENT_STARTS ?? 1);
  if (starts > 1) status.log('warning', `the agent had died and was started again (start ${starts} of this boot)`);
  const log: Log = (level, message) => status.log(level, message);
  const watchdog = Watchdog.start(watchdogSeconds, log);
  await settleGiven(given, status);
  const commandLine = settings === null ? await waitForSettings(text, status) : parseCommandLine(text);
  const assemble = warnOnChange(assembleDisks, log);
  // The network comes up meanwhile.
  const disksAreThere = waitForDevices().then(async () => {
    watchKernel(log);
    await assemble();
    void listDisks()
      .then((disks) => warnOfErasing(disks, log))
      .catch(() => {});
  });
  let token = commandLine.token;
  const search = new NicSearch(commandLine);
  const moveListeners = new Set<() => void>();
  const end = runAgent({
    get token() {
      return token ?? '';
    },
    bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
    status,
    progressMs,
    outageMs,
    lateDiskMs,
    workers: chooseWorkers(await readAvailableMemory()),
    moveListeners,
    reachServer: async () => {
      const server = await findServer(commandLine, status, search);
      if (token === null) {
        const macs = (await search.listResults()).map(({ mac }) => mac);
        const { secret } = commandLine;
        token = await askToken(server, { uuid: await readUuid(), macs, ...(secret === null ? {} : { secret }) });
      }
      const onMoved = (): void => {
        for (const listener of moveListeners) listener();
      };
      await disksAreThere;
      void keepServer({ status, search, onMoved });
      return server;
    },
    // A step looks anew: a LUN, a path or a member may have come since the machine booted.
    listDisks: () => lookAtDisks(assemble),
    collectInventory: async () => {
      status.update({ nicResults: search.sayAll() });
      return collectInventory(await search.listResults(), await listDisks(), (await watchdog)?.words);
    },
    watchHardware: (onChange) => void watchHardware({ listNics: () => search.listResults(), onChange }),
    loadKernel: async (devicePath) => {
      if ((await (await watchdog)?.canStop()) === false) return refuseKexec('the watchdog cannot be disarmed', log);
      const disk = (await lookAtDisks(assemble)).find((candidate) => candidate.devicePath === devicePath);
      return disk === undefined ? refuseKexec('its disk is gone', log) : await loadKernel(disk, log);
    },
    endMachine: async (action) => await endMachine(action, await watchdog),
  });
  await Promise.all([disksAreThere, end]);
}

const status = new Status('');
try {
  await main(status);
} catch (thrown) {
  const error = toDeployError(thrown);
  const text = `agent: ${error.code}: ${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`;
  // The screen may not be open yet; standard error is what PID 1 gave, the console.
  process.stderr.write(`${text}\n${error.code === 'internal' ? `${error.stack}\n` : ''}`);
  status.log('error', text);
  await sleep(lastWordsMs);
  process.exit(1);
}
