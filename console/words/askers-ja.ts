// Who asked where it was no user, in Japanese (protocol/askers.ts).
import type { AskerKind } from '../../protocol/askers.ts';

export const askersInJapanese: Record<AskerKind, (schedule: string) => string> = {
  'operator-token': () => 'オペレータートークン',
  'automatic-approval': () => '自動承認',
  settings: () => 'サーバーの設定',
  'unknown-user': () => '不明なユーザー',
  schedule: (name) => `スケジュール ${name}`,
};
