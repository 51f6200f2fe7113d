// Words of the audit log.
import { defineTexts } from '../../i18n/texts.ts';

export const auditTexts = defineTexts({
  en: {
    title: 'Audit',
    lead: 'Every change that somebody asked for, with what became of it. Entries are never changed.',
    at: 'When',
    who: 'Who',
    address: 'From',
    action: 'Action',
    outcome: 'Outcome',
    done: 'done',
    more: 'Earlier entries',
    search: 'Search in what is shown',
    none: 'Nothing that fits.',
    reload: 'Reload',
  },
  ja: {
    title: '監査ログ',
    lead: '要求されたすべての変更とその結果です。記録は変更されません。',
    at: '日時',
    who: '誰が',
    address: '接続元',
    action: '操作',
    outcome: '結果',
    done: '完了',
    more: '以前の記録',
    search: '表示中の記録を検索',
    none: '該当する記録はありません。',
    reload: '再読み込み',
  },
});
