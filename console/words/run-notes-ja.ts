// What became of a schedule's time, in Japanese, by code and values (protocol/schedule.ts).
import type { RunNote } from '../../protocol/schedule.ts';

type Values = Readonly<Record<string, string | undefined>>;
/** How a moment, an error with its code, and whoever asked are said. */
type Say = {
  readonly moment: (at: string) => string;
  readonly error: (code: string, message: string) => string;
  readonly who: (who: string) => string;
};

export const runNotesInJapanese: Record<RunNote['code'], (values: Values, say: Say) => string> = {
  'asked-by': ({ who = '' }, say) => `${say.who(who)} の指示で実行しました。`,
  missed: ({ since = '' }, { moment }) => `${moment(since)} 以降の予定を実行できるサーバーがありませんでした。`,
  refused: ({ machine, error = '', message = '' }, say) =>
    `${machine === undefined ? '' : `${machine}: `}${say.error(error, message)}`,
  busy: ({ machine }) => `${machine}: 前回のジョブが終わっていません。`,
  'machines-gone': ({ count }) => `${count} 台のマシンは登録が削除されています。`,
  'no-machines': () => '対象のマシンがありません。',
  more: ({ count }) => `ほか ${count} 件。`,
};
