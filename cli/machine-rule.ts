// The flag `--rule`: which machines a boot profile or a group is for.

import { DeployError } from '../protocol/errors.ts';
import type { MachineRule } from '../protocol/machine-rule.ts';

/** For commander: a flag that may be repeated. */
export function collectRule(rule: string, before: readonly string[] = []): string[] {
  return [...before, rule];
}

/** An empty one is none. What the keys are the schema says. @throws DeployError usage */
export function parseRules(texts: readonly string[] | undefined): Record<string, string>[] | undefined {
  return texts?.filter((text) => text !== '').map(parseRule);
}

/** `KEY=VALUE,KEY=VALUE`; for a comma within a value `?` stands. */
function parseRule(text: string): Record<string, string> {
  const entries = text.split(',').map((part) => {
    const equals = part.indexOf('=');
    if (equals > 0) return [part.slice(0, equals).trim(), part.slice(equals + 1).trim()] as const;
    throw new DeployError('usage', `--rule: '${part}' is not KEY=VALUE`);
  });
  return Object.fromEntries(entries);
}

export function describeRules(rules: readonly MachineRule[]): string {
  return rules
    .map((rule) =>
      Object.entries(rule)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
    )
    .join(' or ');
}
