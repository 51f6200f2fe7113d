// Why a job does not run yet, in Japanese, by code and values (protocol/waits.ts).
import type { Wait } from '../../protocol/waits.ts';

type Values = Readonly<Record<string, string | undefined>>;

export const waitsInJapanese: Record<Wait['code'], (values: Values, moment: (at: string) => string) => string> = {
  paused: () => '一時停止中',
  'second-person': () => '別のユーザーの承認',
  window: () => 'メンテナンス時間帯',
  'machine-gone': ({ machine }) => `マシン ${machine} は削除されています`,
  'machine-not-approved': ({ machine }) => `マシン ${machine} の承認`,
  'not-before': ({ at = '' }, moment) => `${moment(at)} 以降に再試行`,
  'job-first': ({ job, machine }) => `${machine} の先行ジョブ ${job}`,
  'machine-away': ({ machine }) => `${machine} の接続（ネットワークから起動してください）`,
  next: ({ machine }) => `${machine} が次に実行します`,
  'limit-store': ({ most }) => `ストア全体の同時実行数の上限（${most}）`,
  'limit-server': ({ most }) => `サーバーの同時実行数の上限（${most}）`,
  'limit-network': ({ network, most }) => `ネットワーク ${network} の同時実行数の上限（${most}）`,
};
