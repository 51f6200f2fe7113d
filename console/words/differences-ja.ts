// How a disk is not as it was, in Japanese, by the kind of difference (docs/operations/disk-checks.md).
import type { Difference } from '../../protocol/disk-check.ts';

export const differencesInJapanese: Record<Difference['kind'], string> = {
  gone: 'なくなりました',
  new: '新しいディスクです',
  number: '番号が変わりました',
  size: 'サイズまたはセクターサイズが変わりました',
  'read-only': '書き込み禁止の状態が変わりました',
  hidden: '隠し領域（HPA）のサイズが変わりました',
  lock: 'パスワードまたはロックの状態が変わりました',
  replaced: '同じ接続位置のディスクが別のものに交換されました',
  'id-changed': 'ID が変わりました',
  'id-shared': '別のディスクと同じ ID です。ID では区別できません',
  array: 'アレイの状態が変わりました',
  'member-gone': 'アレイのメンバーが失われました',
  'member-new': 'アレイのメンバーが加わりました',
  'path-lost': 'パスが失われました',
  'path-back': 'パスが加わりました',
  'partition-gone': 'パーティションがなくなりました',
  'partition-new': '新しいパーティションがあります',
  'partition-changed': 'パーティションが変わりました',
  unreadable: '読み取れません',
  health: 'ディスクの健康状態に変化があります',
};
