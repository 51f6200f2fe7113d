// From a form that was confirmed to an agent that has its settings: they are remembered, given, and taken up by a new start of the agent.
import { setTimeout as sleep } from 'node:timers/promises';
import { type DeployError, toDeployError } from '../../protocol/errors.ts';
import { parseCommandLine, readSettingWords } from '../1-boot/command-line.ts';
import { readSettings } from '../1-boot/settings.ts';
import { bringUp } from '../2-network/bring-up.ts';
import { giveUpNetwork } from '../2-network/give-up.ts';
import { listNics } from '../2-network/nics.ts';
import type { Status } from '../screen/status.ts';
import { verbatim } from '../screen/words/words.ts';
import type { FormHost } from './form-terminal.ts';
import { completeWords, type Given, writeGiven } from './given.ts';
import { findMemory, remember } from './medium.ts';

/** run-agent starts an agent that ends with this again at once, and counts it as no fault. */
const startAgain = 75;
const pollMs = 2000;

/** `kernelText`: the kernel's command line; `text`: with what was given before behind it. */
export function makeFormHost(status: Status, { kernelText, text }: { kernelText: string; text: string }): FormHost {
  return {
    status,
    words: readSettingWords(text),
    canOpen: () => !status.model.busy,
    findMemory: () => findMemory(kernelText),
    apply: async (words, wanted) => {
      try {
        const note = wanted ? await remember(kernelText, completeWords(words)) : 'not remembered';
        // While the medium was written a job may have come.
        if (status.model.busy) throw new Error(`a job has begun meanwhile (${note})`);
        await writeGiven({ words, before: text, note });
        process.exit(startAgain);
      } catch (thrown) {
        status.log('error', `the settings of the form are not used: ${toDeployError(thrown).message}`);
      }
    },
  };
}

/** The first thing that is done with settings that were given: what those before them set up is taken down. */
export async function settleGiven(given: Given | null, status: Status): Promise<void> {
  if (given === null) return;
  if (given.note !== null) status.log('info', `settings of the form are used: ${given.note}`);
  const { settings } = readSettings(readSettingWords(given.before ?? ''));
  if (settings !== null) {
    await giveUpNetwork(settings).catch((thrown) => {
      status.log('warning', `taking down the network as it was before: ${toDeployError(thrown).message}`);
    });
  }
  await writeGiven({ words: given.words, before: null, note: null });
}

/** There is nothing to try: the page says what is missing, and the form ends this agent. */
export async function waitForSettings(text: string, status: Status): Promise<never> {
  const fault = faultOf(text);
  for (;;) {
    // A NIC that is up shows whether it has a link.
    const nics = await listNics(null);
    for (const { name } of nics) await bringUp(name).catch(() => undefined);
    status.update({
      stage: (words) => words.stage.needsSettings,
      waitingFor: [verbatim(fault.message)],
      nics,
    });
    await sleep(pollMs);
  }
}

function faultOf(text: string): DeployError {
  try {
    parseCommandLine(text);
    return toDeployError(new Error('there is none'));
  } catch (thrown) {
    return toDeployError(thrown);
  }
}
