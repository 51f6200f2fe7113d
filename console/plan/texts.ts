// Words of a plan: what a scenario would do on each machine.
import { defineTexts } from '../i18n/texts.ts';

export const planTexts = defineTexts({
  en: {
    overwritesDisk: 'all of this disk is overwritten',
    overwritesPartition: 'one partition is overwritten',
    refused: 'cannot run',
    fits: 'ready',
    overwrites: 'overwrites',
    unread: 'What is on it was not read yet; a check does.',
    image: 'Image',
    imageOf: (size: string, used: string) => `${size}, ${used} used`,
    seen: 'Disks as seen',
    needsCheck:
      'What is on its disks was not read yet. Run a scenario with a check on it first; then this can be confirmed.',
    never: 'Nothing is known of its disks yet.',
  },
  ja: {
    overwritesDisk: 'このディスク全体が上書きされます',
    overwritesPartition: '1 つのパーティションが上書きされます',
    refused: '実行できません',
    fits: '実行できます',
    overwrites: '上書き',
    unread: '内容はまだ読み取られていません。確認ジョブで読み取れます。',
    image: 'イメージ',
    imageOf: (size: string, used: string) => `${size}、使用 ${used}`,
    seen: 'ディスクの確認',
    needsCheck: 'ディスクの内容がまだ読み取られていません。先に確認ステップを含むシナリオを実行してください。',
    never: 'ディスクの情報がまだありません。',
  },
});
