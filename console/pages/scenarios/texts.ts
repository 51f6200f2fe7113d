// Words of the list of scenarios.
import { defineTexts } from '../../i18n/texts.ts';

export const scenariosTexts = defineTexts({
  en: {
    title: 'Scenarios',
    add: 'New scenario',
    name: 'Name',
    steps: 'Steps',
    end: 'At the end',
    made: 'Made',
    run: 'Run',
    runOf: (name: string) => `Run ${name}`,
    noneYet: 'There are no scenarios yet.',
    noneYetHint:
      'A scenario says what is done to a machine: back up a disk as an image, restore an image, check the disks.',
    capture: (image: string) => `capture '${image}'`,
    restore: (image: string) => `restore '${image}'`,
    check: 'check the disks',
    wipe: 'wipe a disk',
    script: 'run a script',
    reboot: 'reboot',
    poweroff: 'power off',
    wait: 'wait for the next job',
    kexec: 'start the restored Linux',
  },
  ja: {
    title: 'シナリオ',
    add: '新しいシナリオ',
    name: '名前',
    steps: 'ステップ',
    end: '終了時',
    made: '作成',
    run: '実行',
    runOf: (name: string) => `${name} を実行`,
    noneYet: 'シナリオはまだありません。',
    noneYetHint:
      'シナリオは、ディスクのバックアップ、イメージのリストア、ディスクの確認など、マシンで行う処理を定めます。',
    capture: (image: string) => `「${image}」へバックアップ`,
    restore: (image: string) => `「${image}」をリストア`,
    check: 'ディスクを確認',
    wipe: 'ディスクを消去',
    script: 'スクリプトを実行',
    reboot: '再起動',
    poweroff: '電源オフ',
    wait: '次のジョブを待機',
    kexec: 'リストアした Linux を起動',
  },
});
