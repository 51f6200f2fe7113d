// What a person should know before a scenario is run, in Japanese, by its code (protocol/plan.ts).
import type { PlanWarning } from '../../protocol/plan.ts';

export const planWarningsInJapanese: Record<PlanWarning['code'], string> = {
  'machine-not-approved': 'マシンはまだ承認されていません。',
  'machine-away': 'マシンは接続されていません。ネットワークから起動すると実行されます。',
  'jobs-waiting': 'このマシンには先に実行されるジョブがあります。',
  'no-disk-check': 'このマシンのディスクはまだ調べられていません。',
  'disks-not-read': 'ディスクは登録時の情報だけで、中身は読み取られていません。ディスクチェックを実行してください。',
  'disk-check-old': 'ディスクの情報が古くなっています。',
  'disk-failing': 'ディスクに故障の兆候があります。',
  'hidden-area': 'ディスクに隠し領域（HPA）があります。この領域は読み書きされません。',
  'in-use': 'ディスクは前回の確認時に使用中でした。実行時も使用中ならジョブは拒否されます。',
  shrinks: 'ディスクがイメージより小さいため、可能ならファイルシステムを 1 つ縮小します。',
  'image-coming': 'イメージはこれから取得されます。ディスクに収まるかはまだ分かりません。',
  'image-damaged': '破損が見つかったイメージです。破損した部分でリストアは失敗します。',
  'sectors-unknown': 'セクターサイズが不明なイメージです。',
};
