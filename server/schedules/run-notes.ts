// What became of a schedule's time: notes by code, and the sentences that they make.
import type { RunNote, ScheduleRun } from '../../protocol/schedule.ts';

/** Of a group of thousands, the first ones say enough. */
const maxNotes = 50;
const maxMessage = 4000;
const maxValue = 500;

const sentences: Record<RunNote['code'], (values: RunNote['values']) => string> = {
  'asked-by': ({ who }) => `asked for by ${who}`,
  missed: ({ since }) => `missed since ${since}: no server could run it`,
  refused: ({ machine, error, message }) => `${machine === undefined ? '' : `${machine}: `}${message} (${error})`,
  busy: ({ machine }) => `${machine}: its job of the time before has not ended`,
  'machines-gone': ({ count }) => `${count} machines are not known any more`,
  'no-machines': () => 'there are no machines',
  more: ({ count }) => `and ${count} more`,
};

/** As they are kept and shown, in order. */
export function tellNotes(all: readonly RunNote[]): Pick<ScheduleRun, 'message' | 'notes'> {
  const kept = all.slice(0, maxNotes).map(({ code, values }) => ({ code, values: shorten(values) }));
  const left = all.length - kept.length;
  const notes: RunNote[] = left === 0 ? kept : [...kept, { code: 'more', values: { count: String(left) } }];
  const message = notes.map(({ code, values }) => sentences[code](values)).join('; ');
  return { notes, message: message.slice(0, maxMessage) };
}

function shorten(values: RunNote['values']): RunNote['values'] {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.slice(0, maxValue)]));
}
