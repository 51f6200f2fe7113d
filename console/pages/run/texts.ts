// Words of the page that runs a scenario.
import { defineTexts } from '../../i18n/texts.ts';

export const runTexts = defineTexts({
  en: {
    title: 'Run a scenario',
    scenario: 'Scenario',
    choose: 'Choose…',
    machines: 'Machines',
    find: 'Find a machine',
    chosen: (count: number) => `${count} chosen`,
    none: 'No machine fits.',
    values: 'Values',
    whatHappens: 'What will happen',
    planning: 'Looking at the disks…',
    chooseFirst: 'Choose a scenario and at least one machine.',
    sure: 'I have seen which disk is overwritten, and want that.',
    useDamaged: 'Restore the image although it was found damaged: the restore fails at the first damaged part.',
    typeName: (count: number, name: string) =>
      `The disks of ${count} machines are overwritten. Type the name of the last one: ${name}`,
    run: (count: number) => (count === 1 ? 'Run on 1 machine' : `Run on ${count} machines`),
    leftOut: (count: number) =>
      count === 1 ? '1 machine is left out, as said above.' : `${count} machines are left out, as said above.`,
    asked: (count: number) => (count === 1 ? '1 job is asked for.' : `${count} jobs are asked for.`),
  },
  ja: {
    title: 'シナリオの実行',
    scenario: 'シナリオ',
    choose: '選択…',
    machines: 'マシン',
    find: 'マシンを検索',
    chosen: (count: number) => `${count} 台を選択中`,
    none: '該当するマシンはありません。',
    values: '値',
    whatHappens: '実行内容',
    planning: 'ディスクを確認しています…',
    chooseFirst: 'シナリオと 1 台以上のマシンを選択してください。',
    sure: '上書きされるディスクを確認しました。実行します。',
    useDamaged: '破損が見つかったイメージをそのまま復元します（破損した部分で復元は失敗します）。',
    typeName: (count: number, name: string) =>
      `${count} 台のディスクが上書きされます。最後のマシンの名前を入力してください: ${name}`,
    run: (count: number) => `${count} 台で実行`,
    leftOut: (count: number) => `${count} 台は上記の理由で除外されます。`,
    asked: (count: number) => `${count} 件のジョブを登録しました。`,
  },
});
