// --set: values of a scenario's parameters.
import { InvalidArgumentError } from 'commander';

/** Collects `NAME=VALUE`; the value may have more equal signs in it. */
export function collectValue(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It is NAME=VALUE.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
