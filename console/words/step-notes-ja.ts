// What a step has done and how that is known, in Japanese, by code and values (protocol/step-notes.ts).
import type { StepNoteCode } from '../../protocol/step-notes.ts';

const patterns: Readonly<Record<string, string>> = { zeros: 'ゼロ', random: '乱数' };

type Values = Readonly<Record<string, string>>;

/** `bytes` is said as the language writes sizes. */
export const stepNotesInJapanese: Record<StepNoteCode, (values: Values, bytes: string) => string> = {
  discarded: () => 'ディスク全体を破棄（discard）しました。',
  overwritten: ({ pattern = '' }) => `ディスク全体を${patterns[pattern] ?? pattern}で上書きしました。`,
  erased: ({ name }) => `ディスク自身の消去機能 ${name} で消去しました。`,
  'read-as-written': ({ pattern = '' }, bytes) =>
    `全 ${bytes} を読み戻し、書き込んだ${patterns[pattern] ?? pattern}と一致することを確認しました。`,
  'read-zeros': (_, bytes) => `全 ${bytes} を読み戻し、すべてゼロであることを確認しました。`,
  'read-changed': ({ places }) =>
    `読み戻すとゼロではない部分がありますが、データがあった全域の ${places} か所の内容はすべて変わっています。`,
  'read-uncompared': () =>
    '読み戻すとゼロではない部分があります。消去前が空だったか読み取れなかったため、比較できません。',
  'script-ended': ({ digest }) => `スクリプト（SHA-256 ${digest}）は正常に終了しました。`,
};
