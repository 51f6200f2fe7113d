// Options that are numbers, and --workers, which every verb that works on chunks has.
import { InvalidArgumentError } from 'commander';

export type WorkerFlags = { workers?: number };

/** A parser for commander's options. */
export function number(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`a whole number from ${least} to ${most} is wanted`);
  };
}

export function workersOf({ workers }: WorkerFlags): WorkerFlags {
  return workers === undefined ? {} : { workers };
}
