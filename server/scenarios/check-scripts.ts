// Scripts may do anything on a machine: they are off unless the server is started with them, and only administrators write them.
import { createHash } from 'node:crypto';
import { DeployError } from '../../protocol/errors.ts';
import type { Step } from '../../protocol/scenario.ts';
import type { Caller } from '../callers.ts';
import type { ServerConfig } from '../config.ts';

type Steps = readonly Pick<Step, 'kind'>[];

function hasScript(steps: Steps): boolean {
  return steps.some(({ kind }) => kind === 'script');
}

/** @throws DeployError scripts-off */
export function checkScriptsAllowed({ allowScripts }: Pick<ServerConfig, 'allowScripts'>, steps: Steps): void {
  if (allowScripts || !hasScript(steps)) return;
  throw new DeployError('scripts-off', 'this server lets no scripts run on machines', {
    hint: 'Start it with --allow-scripts.',
  });
}

/** For a scenario as it was and as it is to be: who changes one with a script has it run. @throws DeployError scripts-off, forbidden */
export function checkScriptAuthor(
  config: Pick<ServerConfig, 'allowScripts'>,
  caller: Caller,
  ...versions: readonly Steps[]
): void {
  if (!versions.some(hasScript)) return;
  for (const steps of versions.slice(-1)) checkScriptsAllowed(config, steps);
  if (caller.kind === 'person' && caller.role === 'administrator') return;
  throw new DeployError('forbidden', 'a scenario with a script is made and changed by administrators only');
}

/** What stands in the audit log of scripts in a body that nobody has looked at yet: `sha256:…`, one for each. */
export function digestScripts(body: unknown): string | null {
  const { steps } = (body ?? {}) as { steps?: unknown };
  if (!Array.isArray(steps)) return null;
  const scripts = steps.flatMap((step: { script?: unknown } | null) =>
    typeof step?.script === 'string' ? [step.script] : [],
  );
  if (scripts.length === 0) return null;
  return scripts.map((script) => `sha256:${createHash('sha256').update(script).digest('hex')}`).join(' ');
}
