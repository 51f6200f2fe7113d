// Everything that the status page says by itself, in Japanese.
import type { Words } from './words.ts';

export const ja: Words = {
  page: {
    connected: '接続済み',
    notConnected: '未接続',
    machine: 'マシン',
    status: '状態',
    nic: 'NIC',
    disk: 'ディスク',
    job: 'ジョブ',
    none: 'なし',
    more: (count) => `ほか ${count} 件`,
    notRegistered: '未登録',
    awaitsApproval: (machine) => `${machine} (承認待ち)`,
    inUse: (by) => `使用中: ${by}`,
    serverNotConnected: 'サーバー未接続',
  },
  level: {
    info: (message) => message,
    warning: (message) => `警告: ${message}`,
    error: (message) => `エラー: ${message}`,
  },
  duration: {
    seconds: (seconds) => `${seconds} 秒`,
    minutes: (minutes, seconds) => `${minutes} 分 ${seconds} 秒`,
    hours: (hours, minutes) => `${hours} 時間 ${minutes} 分`,
  },
  stage: {
    starting: '起動中',
    devices: 'デバイスを待っています',
    lookingFor: (server) => `${server} を探しています`,
    registering: '登録しています',
    refused: (why) => `サーバーに拒否されました: ${why}`,
    awaitsReceipt: 'サーバーが結果を受け取るのを待っています',
    awaitsApproval: '登録済み。管理者の承認を待っています',
    ready: '準備完了。ジョブを待っています',
    running: (scenario) => `「${scenario}」を実行しています`,
    stopped: (scenario) => `「${scenario}」を中止しました: サーバーが別のエージェントに渡しました`,
    succeeded: (scenario) => `「${scenario}」は成功しました`,
    failed: (scenario, code) => `「${scenario}」は失敗しました: ${code}`,
    rebooting: '再起動しています',
    poweringOff: '電源を切っています',
  },
  wait: {
    server: (why) => `サーバー: ${why}`,
    nic: (name, mac, what) => `${name} (${mac}): ${what}`,
    noSuchNic: (nic) => `deploy.nic=${nic}: このマシンにその NIC はありません`,
    noNic: 'NIC がありません。ドライバーがない可能性があります',
  },
  job: {
    title: (scenario, step, steps) => `${scenario} (ステップ ${step}/${steps})`,
    bytes: (done, total) => `${done} / ${total}`,
    rate: (bytes) => `${bytes}/秒`,
    left: (duration) => `残り ${duration}`,
    network: (bytes) => `通信量 ${bytes}`,
  },
  phase: {
    map: '調査',
    unpack: '展開',
    capture: '取得',
    prepare: '準備',
    discard: '消去',
    write: '書き込み',
    flush: 'フラッシュ',
    'read-back': '読み戻し',
    finish: '仕上げ',
    verify: '検証',
    export: '書き出し',
    compare: '比較',
  },
  nic: {
    boot: ' (起動)',
    noDriver: 'ドライバーなし',
    link: 'リンク',
    noLink: 'リンクなし',
    halfDuplex: '半二重',
    fullDuplex: '全二重',
    errors: (count) => `エラー ${count} 件`,
  },
  probe: {
    bringingUp: '有効にしています',
    noLink: 'リンクなし: ケーブルとスイッチの電源を確認してください',
    cannotSetUp: (why) => `設定できません: ${why}`,
    itsTurn: (address) => `${address} を使う順番を待っています`,
    duplicate: (address) => `アドレスの重複: deploy.ip の ${address} を、このネットワークの別のマシンが使っています`,
    declined: (address) =>
      `アドレスの重複: DHCP サーバーが提示した${address === null ? '' : ` ${address} `}アドレスを別のマシンが使っています。断って、別のアドレスを求めています`,
    checking: (address) => `${address} を別のマシンが使っていないか確認しています`,
    asking: (address) => `アドレス ${address}、サーバーに問い合わせています`,
    reaches: (address) => `アドレス ${address}、サーバーに届きます`,
    fault: (address, what) => `アドレス ${address}、${what}`,
    waitingForDhcp: 'アドレスを待っています (DHCP。スパニングツリーで1分かかることがあります)',
    noDhcp:
      'DHCP の応答なし: DHCP サーバーがない、空きアドレスがない、またはスイッチがまだ転送していません (スパニングツリー、1分まで)。再試行します',
    nak: (server, why) =>
      `NAK: DHCP サーバー${server === null ? '' : ` ${server} `}がアドレスを拒否しました${why === null ? '' : ` (「${why}」)`}: 範囲の誤りか、空きがありません。再試行します`,
    and: '。',
    severalDhcp: (servers) =>
      `このネットワークで複数の DHCP サーバーが応答します (提示: ${servers})。先に応答したものが使われます: 不要なものを止めてください`,
    severalPxe: (servers) =>
      `このネットワークで複数の PXE サーバーが応答します (起動ファイル: ${servers})。先に応答したものから起動します: 不要なものを止めてください`,
    blackHole: (bytes) =>
      `MTU ブラックホール: サーバーとの間で大きなパケットが失われます。パケットを ${bytes} バイトまでにします`,
  },
  fault: {
    wrongCa: (server, why) => `CA が違います (${server}): ${why}`,
    at: (address, port) => `${address} ポート ${port}`,
    otherServer: (server, why) => `別のサーバーが応答しました (${server}): ${why}`,
    closed: (address, port) =>
      `${address} のポート ${port} は閉じています: サーバーが待ち受けていないか、ファイアウォールが拒否しています`,
    filtered: (address, port) =>
      `${address} のポート ${port} から応答がありません: ファイアウォールが遮断しているか、経路がありません`,
    unreachable: (address) =>
      `${address} に届きません: このネットワークにそのマシンがないか、ゲートウェイに経路がありません`,
    noGateway: (address) => `${address} はこのネットワークになく、ゲートウェイもありません`,
    silent: (address, port) =>
      `${address} のポート ${port} につながりますが、何も届きません: 途中で大きなパケットが失われている (MTU) か、別のサービスです`,
    reset: (address, port) =>
      `${address} のポート ${port} が接続を切りました: 別のサービスか、途中のファイアウォールです`,
    noWebServer: (address, port) => `${address} のポート ${port} は Web サーバーではありません`,
  },
  name: {
    dns: (servers) => `DNS サーバー ${servers}`,
    noDns: (host) => `名前「${host}」を調べられません: このネットワークに DNS サーバーがありません`,
    notFound: (host, dns) => `名前が見つかりません: ${dns} は「${host}」のアドレスを知りません`,
    noAddress: (host, dns) => `${dns} は「${host}」のアドレスを知りません`,
    noAnswer: (host, dns) => `名前「${host}」の検索: ${dns} から応答がありません`,
    closed: (host, dns) => `名前「${host}」の検索: ${dns} は応答しません (ポートが閉じています)`,
    other: (host, dns, code) => `名前「${host}」の検索: ${dns}: ${code}`,
  },
};
