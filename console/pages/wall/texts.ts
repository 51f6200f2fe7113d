// Words of the wall.
import { defineTexts } from '../../i18n/texts.ts';

export const wallTexts = defineTexts({
  en: {
    title: 'Wall',
    jobs: 'Jobs at work',
    running: (count: number) => `${count} running`,
    queued: (count: number) => `${count} waiting`,
    failedToday: (count: number) => `${count} failed in the last 24 hours`,
    together: (rate: string) => `${rate} together`,
    none: 'No job runs or waits.',
    run: 'Run a scenario',
    waits: 'waits',
    left: (time: string) => `${time} left`,
    full: 'Fill the screen',
    loading: 'Loading…',
  },
  ja: {
    title: '一覧ボード',
    jobs: '進行中のジョブ',
    running: (count: number) => `実行中 ${count} 件`,
    queued: (count: number) => `待機中 ${count} 件`,
    failedToday: (count: number) => `過去 24 時間の失敗 ${count} 件`,
    together: (rate: string) => `合計 ${rate}`,
    none: '実行中または待機中のジョブはありません。',
    run: 'シナリオを実行',
    waits: '開始待ち',
    left: (time: string) => `残り ${time}`,
    full: '全画面表示',
    loading: '読み込み中…',
  },
});
