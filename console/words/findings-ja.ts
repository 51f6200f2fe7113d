// What is found before the first byte of a capture or a restore, in Japanese: what it is, and what to do, by its code (docs/preflight.md).
type Words = { readonly what: string; readonly todo: string };

const findings = {
  'domain-controller': {
    what: 'Active Directory のドメインコントローラーです。',
    todo: '古い状態に戻すと複製が止まります。ドメイン全体をまとめて戻すか、リストアしないでください。',
  },
  'domain-member': {
    what: 'ドメインに参加しているシステムです。',
    todo: 'コンピューターアカウントのパスワードは 30 日ごとに変わります。',
  },
  'domain-member-old': {
    what: 'ドメイン参加システムのイメージが 30 日以上前のものです。',
    todo: 'リストア後にドメインへの再参加が必要になることがあります。',
  },
  'ntfs-dirty': {
    what: 'NTFS が正しくアンマウントされていません（高速スタートアップを含む）。',
    todo: 'セクター単位で取得します。Windows を完全にシャットダウンしてから取得すると小さくなります。',
  },
  'windows-hibernated': {
    what: 'Windows が休止状態です。',
    todo: 'Windows を起動し、完全にシャットダウンしてから取得してください。',
  },
  'encrypted-volume': {
    what: 'BitLocker または LUKS で暗号化されたボリュームです。',
    todo: '全体を取得し、圧縮は効きません。',
  },
  'bitlocker-key': {
    what: '別のマシンの TPM では BitLocker を解除できません。',
    todo: '回復キーを用意してください。',
  },
  'persistent-network-names': {
    what: 'ネットワーク設定が MAC アドレスに結び付いています。',
    todo: '別のマシンではリストア後に設定を修正してください。',
  },
  'network-teaming': {
    what: 'ネットワークカードが束ねられています（チーミング、ボンディング）。',
    todo: '別のマシンではリストア後に組み直してください。',
  },
  'cluster-file-system': {
    what: 'クラスターファイルシステム（OCFS2、GFS2、VMFS）があります。',
    todo: '他のマシンが使用中の可能性があります。すべてのマシンでアンマウントしてください。',
  },
  'disk-reserved': {
    what: '他のマシンがこのディスクを予約しています。',
    todo: 'クラスターから切り離してください。',
  },
  'several-systems': { what: 'ディスクに複数のシステムがあります。', todo: '意図したものか確認してください。' },
  'system-unknown': {
    what: 'ファイルシステムの中身を調べられませんでした。',
    todo: '取得は続行されます。',
  },
  'firmware-mode': {
    what: 'イメージの起動方式（BIOS / UEFI）がマシンと異なります。',
    todo: 'ファームウェアの起動モードを切り替えてください。',
  },
  'disk-driver-missing': {
    what: '対象のコントローラーのドライバーを、イメージの Windows は起動時に読み込みません。',
    todo: 'INACCESSIBLE_BOOT_DEVICE で停止します。ドライバーを有効にしたイメージを使用してください。',
  },
  'disk-driver-unknown': {
    what: '対象のコントローラーに必要なドライバーが不明です。',
    todo: '起動することを確認してください。',
  },
} satisfies Record<string, Words>;

export const findingsInJapanese: Readonly<Record<string, Words>> = findings;
