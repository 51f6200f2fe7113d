// Holds the kernel that is shipped against what the concerns ask for, before anything is built with it.
import { DeployError } from '../protocol/errors.ts';
import type { KernelConcern } from './concern.ts';
import { concerns as allConcerns } from './concerns.ts';

/** Option → value of a kernel's `/boot/config-*`; options that are not set are absent. */
export function parseKernelConfig(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const [, option, value] of text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)) {
    if (option !== undefined && value !== undefined) values.set(option, value);
  }
  return values;
}

/**
 * Throws `kernel-option-missing`, naming every option that a concern wants and the kernel lacks, with the reason for each.
 * `configText` is the text of the kernel's `/boot/config-*`.
 */
export function checkKernelConfig(configText: string, concerns: readonly KernelConcern[] = allConcerns): void {
  const values = parseKernelConfig(configText);
  const missing = concerns.flatMap((concern) =>
    concern.options
      .filter(({ option, want }) => {
        const value = values.get(option);
        return want === 'y' ? value !== 'y' : value !== 'y' && value !== 'm';
      })
      .map(({ option, want, reason }) => `${option}=${want} (${concern.name}: ${reason})`),
  );
  if (missing.length === 0) return;
  throw new DeployError('kernel-option-missing', `the kernel lacks ${missing.join('; ')}`, {
    hint: 'build with a kernel that has these options, or change the concern in kernel-config/',
  });
}
