// The form as lines of text, and where its cursor stands. Pure, like agent/screen/render.ts.
import { printable } from '../screen/format.ts';
import type { PageSize } from '../screen/render.ts';
import { clipColumns, columnsOf, padColumns } from '../screen/width.ts';
import type { Say, Words } from '../screen/words/words.ts';
import { type FieldName, type FormRow, type FormState, fieldNames, findFaults } from './form.ts';

/** On what the settings can be remembered, or why on nothing. */
export type Memory = { readonly can: boolean; readonly say: Say };

/** What stands around the fields. */
export type FormSurroundings = {
  readonly memory: Memory;
  /** How the machine stands meanwhile, a line each. */
  readonly status: readonly string[];
};

export type FormPage = {
  /** Exactly as many as the page has rows. */
  readonly lines: readonly string[];
  /** From 0. */
  readonly cursor: { readonly row: number; readonly column: number };
};

/** Leaves room for the 64 digits of a fingerprint. */
const labelColumns = 15;
const faultLines = 2;
const statusLines = 4;

type Line = { readonly text: string; readonly caret?: number };

/** The form in one language, so wide. */
type Style = { readonly words: Words; readonly columns: number };

export function renderForm(
  state: FormState,
  { memory, status }: FormSurroundings,
  { columns, rows }: PageSize,
  words: Words,
): FormPage {
  const style = { words, columns: Math.max(labelColumns + 10, columns) };
  const all: Line[] = [
    { text: words.form.title },
    { text: '' },
    ...(state.confirming === null ? fieldLines(state, memory, style) : reviewLines(state, memory, style)),
    { text: '' },
    ...status.slice(0, statusLines).map((text) => ({ text })),
  ];
  const at = all.findIndex(({ caret }) => caret !== undefined);
  const lines = all.map(({ text }) => clipColumns(printable(text), columns));
  return {
    lines: [...lines, ...Array<string>(rows).fill('')].slice(0, rows),
    cursor: { row: within(at, rows), column: within(all[at]?.caret ?? 0, columns) },
  };
}

const within = (place: number, count: number): number => Math.max(0, Math.min(place, count - 1));

function fieldLines(state: FormState, memory: Memory, style: Style): Line[] {
  const { form } = style.words;
  const faults = findFaults(state.values);
  const fields = fieldNames.flatMap((name) => {
    const fault = state.left.includes(name) ? faults[name] : undefined;
    return [fieldLine(state, name, style), ...(fault === undefined ? [] : faultWords(fault, style))];
  });
  return [
    { text: form.intro },
    { text: '' },
    ...fields,
    choiceLine(state, 'remember', labelled(form.label.remember, memoryWords(state, memory, style.words))),
    choiceLine(state, 'goOn', `  ${form.label.goOn}`),
    { text: '' },
    ...wrap(form.hint[state.row], style.columns, 2).map((text) => ({ text })),
    { text: form.keys },
  ];
}

const labelled = (label: string, text: string): string => padColumns(`  ${label}`, labelColumns) + text;

const marked = (text: string): string => `>${text.slice(1)}`;

/** The part of the value around the cursor, where it is longer than the line. */
function fieldLine(state: FormState, name: FieldName, { words, columns }: Style): Line {
  const room = columns - labelColumns;
  const here = state.row === name;
  const from = here ? Math.max(0, state.caret - room + 1) : 0;
  const text = labelled(words.form.label[name], state.values[name].slice(from, from + room));
  return here ? { text: marked(text), caret: labelColumns + state.caret - from } : { text };
}

function choiceLine(state: FormState, row: FormRow, text: string): Line {
  return state.row === row ? { text: marked(text), caret: 0 } : { text };
}

function memoryWords({ remember }: FormState, memory: Memory, words: Words): string {
  const said = memory.say(words);
  if (!memory.can) return words.form.notRemembered(said);
  return remember ? words.form.yes(said) : words.form.no;
}

function faultWords(fault: string, { columns }: Style): Line[] {
  return wrap(fault, columns - 6, faultLines).map((text, i) => ({ text: `    ${i === 0 ? '! ' : '  '}${text}` }));
}

function reviewLines(state: FormState, memory: Memory, { words, columns }: Style): Line[] {
  const { form } = words;
  const values = fieldNames.map((name) => {
    return { text: labelled(form.label[name], state.values[name].trim() || form.empty) };
  });
  const typed = (state.confirming ?? '').slice(-(columns - 4));
  return [
    { text: form.review },
    { text: '' },
    ...values,
    { text: labelled(form.label.remember, memoryWords(state, memory, words)) },
    { text: '' },
    { text: form.confirm },
    { text: `> ${typed}`, caret: 2 + typed.length },
  ];
}

/** Broken at spaces where there are some; what does not fit into so many lines is cut off. */
function wrap(text: string, columns: number, maxLines: number): string[] {
  const lines: string[] = [];
  let rest = printable(text);
  while (columnsOf(rest) > columns && lines.length < maxLines - 1) {
    const whole = [...rest].findIndex((_, i, all) => columnsOf(all.slice(0, i + 1).join('')) > columns);
    const space = rest.lastIndexOf(' ', whole);
    const at = space > 0 ? space : whole;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at).trimStart();
  }
  return [...lines, clipColumns(rest, columns)];
}
