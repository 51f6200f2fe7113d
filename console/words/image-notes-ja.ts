// What a capture noted in an image, and what a step warned of, in Japanese. Images hold sentences and no codes, so that a sentence is known by its own words, `{}` in place of what varies;
// test/console/server-words.test.ts holds them against imaging/ and agent/.

type SayNote = (...values: readonly string[]) => string;

/** The first that fits. */
export const imageNotesInJapanese: readonly (readonly [sentence: string, say: SayNote])[] = [
  [
    'partitions {} and {} overlap; what either uses is captured',
    (a, b) => `パーティション ${a} と ${b} が重なっています。どちらかが使用している部分を取得しました。`,
  ],
  [
    '{} bytes outside of its partitions are not captured; they are with --unpartitioned',
    (bytes) =>
      `パーティション外の ${bytes} バイトは取得していません。必要な場合は --unpartitioned を指定してください。`,
  ],
  ['{}: all that lies outside of its partitions is captured too', () => 'パーティション外の領域もすべて取得しました。'],
  [
    'the primary GPT is damaged; its backup was used',
    () => '先頭の GPT が破損しているため、バックアップの GPT を使用しました。',
  ],
  ['no valid backup GPT stands at the end of the disk', () => 'ディスクの末尾に有効なバックアップ GPT がありません。'],
  [
    'the backup GPT belongs to another disk; the primary was used',
    () => 'バックアップの GPT は別のディスクのものです。先頭の GPT を使用しました。',
  ],
  [
    'a hybrid MBR lists partitions too; the GPT was used',
    () => 'ハイブリッド MBR にもパーティションがありますが、GPT を使用しました。',
  ],
  ['extended partition: holds the logical ones', () => '論理パーティションを含む拡張パーティションです。'],
  ['{} clusters are marked bad and are not read', (count) => `不良クラスター ${count} 個は読み取っていません。`],
  [
    '{} clusters are marked bad ($BadClus) and are not read',
    (count) => `不良クラスター ${count} 個は読み取っていません。`,
  ],
  ['its {} snapshots are left out', (count) => `スナップショット ${count} 個は含まれていません。`],
  ['made anew with its UUID', () => '同じ UUID で作り直しました。'],
  ['not in the image: nothing of it is known', () => '元のイメージに含まれていません。'],
  [
    'partclone left out {} bytes that count as used here: nobody knows them, they are not restored',
    (bytes) => `使用中の ${bytes} バイトが partclone のイメージに含まれていません。この部分はリストアされません。`,
  ],
  [
    '{} bytes in {} places could not be read and are lost',
    (bytes, places) => `${places} か所の ${bytes} バイトを読み取れませんでした。この部分は失われています。`,
  ],
  ['which files are touched is not known: {}', () => '影響を受けるファイルは特定できませんでした。'],
  ['damaged on partition {}: {}', (partition, file) => `パーティション ${partition} の破損したファイル: ${file}`],
  ['damaged: {}', (file) => `破損したファイル: ${file}`],
  ['volume group {} is exported', (group) => `ボリュームグループ ${group} はエクスポートされています。`],
  [
    'volume group {} lies on {} physical volumes: what is allocated on this one is captured whole',
    (group, count) =>
      `ボリュームグループ ${group} は ${count} 個の物理ボリュームにまたがるため、割り当て済みの領域をすべて取得しました。`,
  ],
  ['and {} notes more', (count) => `ほか ${count} 件。`],
  [
    '{}: the whole disk is captured sector by sector',
    () => '確実に読み取れないため、ディスク全体をセクター単位で取得しました。',
  ],
  ['{}: captured sector by sector', () => '内容を確実に読み取れないため、セクター単位で取得しました。'],
  [
    'not all of it reads as zeros; {} places that held something, all over the disk, hold something else now',
    (places) => `ゼロではない部分がありますが、データがあった ${places} か所の内容はすべて変わっています。`,
  ],
  [
    'not all of it reads as zeros; there is nothing to compare it with: it was blank before, or could not be read',
    () => 'ゼロではない部分があります。消去前が空だったか読み取れなかったため、比較できません。',
  ],
  [
    '{} cannot erase itself{}: it is overwritten instead',
    () => 'ディスク自身の消去機能を使用できないため、上書きで消去します。',
  ],
  [
    '{} cannot be read past the page cache: the read-back may have come from memory',
    () => 'ページキャッシュを避けて読み取れないため、読み戻しはメモリーの内容を確認しただけの可能性があります。',
  ],
  [
    '{} is still erasing itself, as it was told before: that is waited for',
    () => '以前に開始された消去が続いているため、終わるまで待ちます。',
  ],
  ['{} is locked by {}', (_, lock) => `ロックされています（${lock}）。`],
  ['{} says that it is failing: replace it', (disk) => `故障を報告しているディスクです。交換してください: ${disk}`],
  ['{} has the same id as {}', (disk, other) => `同じ ID のディスクがあります: ${disk}、${other}`],
  [
    'there is no free space for partition {} to grow into',
    (number) => `パーティション ${number} を拡張する空きがありません。`,
  ],
  ['{} on {} is as captured: {}', (file, place) => `${place} の ${file} は元のままです。`],
  ['the system on {} keeps its names and keys: {}', (place) => `${place} のシステムの名前と鍵は元のままです。`],
  [
    'no Linux was found on it when it was captured: its systems keep the names and keys that they have',
    () => 'キャプチャー時に Linux が見つからなかったため、名前と鍵は元のままです。',
  ],
  ['{} keeps the id of its {}: {}', (place, what) => `${place} の ${what} の ID は元のままです。`],
  ["{} more warnings are in the job's log only", (count) => `ほか ${count} 件の警告はジョブのログにあります。`],
];

/** Null where no sentence fits. Notes of a whole disk have its name in front, and the partition's number. */
export function sayImageNote(note: string): string | null {
  const place = /, partition (\d{1,4}): /.exec(note);
  const rest = place === null ? null : sayFirst(note.slice(place.index + place[0].length));
  if (rest !== null) return `パーティション ${place?.[1]}: ${rest}`;
  return sayFirst(note) ?? sayFirst(note.slice(note.indexOf(': ') + 2));
}

function sayFirst(note: string): string | null {
  for (const [sentence, say] of imageNotesInJapanese) {
    const values = valuesIn(sentence, note);
    if (values !== null) return say(...values);
  }
  return null;
}

/** What stands in place of each `{}`; null when it is another sentence. In linear time: images come from anywhere. */
function valuesIn(sentence: string, note: string): string[] | null {
  const parts = sentence.split('{}');
  const [first = '', last = ''] = [parts[0], parts.at(-1)];
  if (!note.startsWith(first) || !note.endsWith(last) || note.length < first.length + last.length) return null;
  if (parts.length === 1) return note === sentence ? [] : null;
  const values: string[] = [];
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = note.indexOf(part, at);
    if (found === -1) return null;
    values.push(note.slice(at, found));
    at = found + part.length;
  }
  const end = note.length - last.length;
  return at > end ? null : [...values, note.slice(at, end)];
}
