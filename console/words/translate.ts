// What the server says with a code, in the language that is set: English as it came, Japanese by the code, with the server's own words beside it.
import { readAsker } from '../../protocol/askers.ts';
import type { Difference } from '../../protocol/disk-check.ts';
import type { PlanWarning } from '../../protocol/plan.ts';
import type { Job, JobResult } from '../../protocol/rest.ts';
import type { ScheduleRun } from '../../protocol/schedule.ts';
import { formatBytes } from '../format/numbers.ts';
import { formatMoment } from '../format/times.ts';
import { adviceInJapanese } from './advice-ja.ts';
import { askersInJapanese } from './askers-ja.ts';
import { differencesInJapanese } from './differences-ja.ts';
import { errorsInJapanese } from './errors-ja.ts';
import { findingsInJapanese } from './findings-ja.ts';
import { sayImageNote } from './image-notes-ja.ts';
import { planWarningsInJapanese } from './plan-warnings-ja.ts';
import { runNotesInJapanese } from './run-notes-ja.ts';
import { stepNotesInJapanese } from './step-notes-ja.ts';
import { waitsInJapanese } from './waits-ja.ts';

type ServerError = { readonly code: string; readonly message: string; readonly hint?: string | undefined };
type Finding = { readonly code: string; readonly message: string; readonly advice: string };

/** `original` is what the server said, where `text` is not that itself: it names the disk, the name, the number. */
export type Said = { readonly text: string; readonly advice: string | null; readonly original: string | null };

/** A code of a newer server is left in English. */
export function sayError({ code, message, hint }: ServerError, language: string): Said {
  const text = language === 'ja' ? find(errorsInJapanese, code) : undefined;
  if (text === undefined) return { text: message, advice: hint ?? null, original: null };
  return { text, advice: find(adviceInJapanese, code) ?? null, original: message };
}

export function sayFinding({ code, message, advice }: Finding, language: string): Said {
  const words = language === 'ja' ? find(findingsInJapanese, code) : undefined;
  if (words === undefined) return { text: message, advice, original: null };
  return { text: words.what, advice: words.todo, original: message };
}

export function sayPlanWarning({ code, message }: PlanWarning, language: string): Said {
  const text = language === 'ja' ? find(planWarningsInJapanese, code) : undefined;
  return { text: text ?? message, advice: null, original: text === undefined ? null : message };
}

export function sayDifference({ kind, diskNumber, message }: Difference, language: string): Said {
  const text = language === 'ja' ? find(differencesInJapanese, kind) : undefined;
  if (text === undefined) return { text: message, advice: null, original: null };
  return { text: `ディスク ${diskNumber}: ${text}。`, advice: null, original: message };
}

/** Null when it does not wait. */
export function sayWait({ wait, waitsFor }: Pick<Job, 'wait' | 'waitsFor'>, language: string): string | null {
  if (language !== 'ja' || wait === null) return waitsFor;
  return find(waitsInJapanese, wait.code)?.(wait.values, (at) => formatMoment(at, language)) ?? waitsFor;
}

/** What became of a schedule's time. Runs of before the codes, and codes that are not known, are in English. */
export function sayRun({ notes, message }: Pick<ScheduleRun, 'notes' | 'message'>, language: string): Said {
  const asItCame = { text: message, advice: null, original: null };
  if (language !== 'ja') return asItCame;
  const say = {
    moment: (at: string) => formatMoment(at, language),
    error: (code: string, text: string) => sayError({ code, message: text }, language).text,
    who: (who: string) => sayWho(who, language),
  };
  const said = notes.map(({ code, values }) => find(runNotesInJapanese, code)?.(values, say));
  if (said.length === 0 || said.includes(undefined)) return asItCame;
  // Why something was refused is said in general: what exactly was is in the server's own words.
  const isWhole = !notes.some(({ code }) => code === 'refused');
  return { text: said.join(' '), advice: null, original: isWhole ? null : message };
}

/** What a capture noted in an image: evidence, so that it is there as it was written, too. */
export function sayNote(note: string, language: string): Said {
  const text = language === 'ja' ? sayImageNote(note) : null;
  return { text: text ?? note, advice: null, original: text === null ? null : note };
}

/** What a step has done and how that is known; null when it says nothing. Results of older agents, and codes that are not known, are in English. */
export function saySummary({ summary, notes = [] }: JobResult, language: string): Said | null {
  if (summary === undefined) return null;
  const asItCame = { text: summary, advice: null, original: null };
  if (language !== 'ja' || notes.length === 0) return asItCame;
  const said = notes.map(({ code, values }) =>
    find(stepNotesInJapanese, code)?.(values, formatBytes(Number(values.bytes) || 0, language)),
  );
  return said.includes(undefined) ? asItCame : { text: said.join(''), advice: null, original: summary };
}

/** A warning of a step: how a disk is not as it was, or a sentence of the engine's. */
export function sayWarning(warning: string, { differences = [] }: JobResult, language: string): Said {
  const difference = differences.find(({ message }) => message === warning);
  return difference === undefined ? sayNote(warning, language) : sayDifference(difference, language);
}

/** A user, as named; or what the records write where it was none. */
export function sayWho(who: string, language: string): string {
  const asker = language === 'ja' ? readAsker(who) : null;
  return asker === null ? who : askersInJapanese[asker.kind](asker.schedule ?? '');
}

function find<T>(words: Readonly<Record<string, T>>, code: string): T | undefined {
  return Object.hasOwn(words, code) ? words[code] : undefined;
}
