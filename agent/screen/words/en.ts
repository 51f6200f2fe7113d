// Everything that the status page says by itself, in English. What goes to the server (log lines, the results of NICs) is always this.
export const en = {
  page: {
    connected: 'connected',
    notConnected: 'not connected',
    machine: 'Machine',
    status: 'Status',
    nic: 'NIC',
    disk: 'Disk',
    job: 'Job',
    none: 'none',
    more: (count: number) => `and ${count} more`,
    notRegistered: 'not registered yet',
    awaitsApproval: (machine: string) => `${machine} (waiting for approval)`,
    inUse: (by: string) => `in use: ${by}`,
    serverNotConnected: 'server not connected',
  },
  level: {
    info: (message: string) => message,
    warning: (message: string) => `WARNING: ${message}`,
    error: (message: string) => `ERROR: ${message}`,
  },
  duration: {
    seconds: (seconds: number) => `${seconds} s`,
    minutes: (minutes: number, seconds: number) => `${minutes} min ${seconds} s`,
    hours: (hours: number, minutes: number) => `${hours} h ${minutes} min`,
  },
  stage: {
    starting: 'starting',
    devices: 'waiting for devices',
    lookingFor: (server: string) => `looking for ${server}`,
    registering: 'registering',
    refused: (why: string) => `refused by the server: ${why}`,
    awaitsReceipt: 'waiting for the server to take the result',
    awaitsApproval: 'registered; waiting for an administrator to approve this machine',
    ready: 'ready; waiting for a job',
    running: (scenario: string) => `running '${scenario}'`,
    stopped: (scenario: string) => `'${scenario}' was stopped: the server gave it to another agent`,
    succeeded: (scenario: string) => `'${scenario}' succeeded`,
    failed: (scenario: string, code: string) => `'${scenario}' failed: ${code}`,
    reboot: 'rebooting',
    kexec: 'starting the restored system',
    poweroff: 'powering off',
    needsSettings: 'the server is not known: settings are needed',
  },
  wait: {
    server: (why: string) => `the server: ${why}`,
    nic: (name: string, mac: string, what: string) => `${name} (${mac}): ${what}`,
    noSuchNic: (nic: string) => `deploy.nic=${nic}: this machine has no such NIC`,
    noBond: (bond: string, why: string) => `deploy.bond: ${bond} cannot be made, its NICs are used one by one: ${why}`,
    noBondMember: (bond: string, members: string) =>
      `deploy.bond: this machine has none of the NICs of ${bond}: ${members}`,
    noNic: 'no NIC: its driver may be missing',
  },
  job: {
    title: (scenario: string, step: number, steps: number) => `${scenario} (step ${step} of ${steps})`,
    bytes: (done: string, total: string) => `${done} of ${total}`,
    rate: (bytes: string) => `${bytes}/s`,
    left: (duration: string) => `${duration} left`,
    network: (bytes: string) => `network ${bytes}`,
  },
  phase: {
    map: 'map',
    unpack: 'unpack',
    capture: 'capture',
    prepare: 'prepare',
    discard: 'discard',
    write: 'write',
    flush: 'flush',
    'read-back': 'read-back',
    finish: 'finish',
    verify: 'verify',
    export: 'export',
    compare: 'compare',
  },
  nic: {
    boot: ' (boot)',
    noDriver: 'no driver',
    link: 'link',
    noLink: 'no link',
    halfDuplex: 'half duplex',
    fullDuplex: 'full',
    errors: (count: number) => `${count} errors`,
  },
  /** What a NIC waits for on its way to the server, or what came of it. */
  probe: {
    bringingUp: 'bringing it up',
    noLink: 'no link: is the cable plugged in, is the switch on?',
    cannotSetUp: (why: string) => `cannot be set up: ${why}`,
    itsTurn: (address: string) => `waiting for its turn with ${address}`,
    duplicate: (address: string) =>
      `duplicate address: another machine in this network has ${address}, which deploy.ip gives to this one`,
    declined: (address: string | null) =>
      `duplicate address: another machine in this network has ${address ?? 'the address'} that the DHCP server offers; declined, asking for another one`,
    checking: (address: string) => `asking whether another machine has ${address}`,
    asking: (address: string) => `address ${address}, asking the server`,
    reaches: (address: string) => `address ${address}, reaches the server`,
    fault: (address: string, what: string) => `address ${address}, ${what}`,
    waitingForDhcp: 'waiting for an address (DHCP; spanning tree may take a minute)',
    noDhcp:
      'no DHCP answer: no DHCP server there, none that has an address left, or a switch that does not forward yet (spanning tree, up to a minute); asking again',
    nak: (server: string | null, why: string | null) =>
      `NAK: ${server === null ? 'a DHCP server' : `the DHCP server ${server}`} refuses an address${why === null ? '' : ` ('${why}')`}: its range may be wrong or used up; asking again`,
    member: (bond: string) => `part of ${bond}`,
    memberInReserve: (bond: string) => `part of ${bond}, in reserve`,
    memberNoLink: (bond: string) =>
      `part of ${bond}, which has no link by this NIC: is the cable plugged in, is the switch on?`,
    noLacp: 'the switch does not answer LACP: only one link is used; its ports must be set to it',
    /** Between what came of a NIC and faults beside that. */
    and: '; ',
    severalDhcp: (servers: string) =>
      `several DHCP servers answer in this network, with what they offer: ${servers}; machines take whichever is first: if they do not belong together, switch the wrong one off`,
    severalPxe: (servers: string) =>
      `several PXE servers answer in this network, with their boot files: ${servers}; machines boot from whichever is first: if they do not belong together, switch the wrong one off`,
    blackHole: (bytes: number) =>
      `MTU black hole: large packets vanish on the way to the server or back, without a word; packets are kept to ${bytes} bytes`,
  },
  /** Why the server does not answer. */
  fault: {
    wrongCa: (server: string, why: string) => `wrong CA at ${server}: ${why}`,
    at: (address: string, port: number) => `${address} port ${port}`,
    otherServer: (server: string, why: string) => `another server answers at ${server}: ${why}`,
    closed: (address: string, port: number) =>
      `port ${port} of ${address} is closed: no server listens there, or a firewall refuses`,
    filtered: (address: string, port: number) =>
      `no answer from port ${port} of ${address}: it is filtered by a firewall, or there is no way there`,
    unreachable: (address: string) =>
      `${address} cannot be reached: no such machine in this network, or the gateway knows no way`,
    noGateway: (address: string) => `${address} is not in this network, and the network has no gateway`,
    silent: (address: string, port: number) =>
      `port ${port} of ${address} connects, but nothing comes: large packets may be lost on the way (MTU), or another service listens there`,
    reset: (address: string, port: number) =>
      `port ${port} of ${address} breaks the connection: another service listens there, or a firewall is between`,
    noWebServer: (address: string, port: number) => `port ${port} of ${address} is no web server`,
  },
  /** Why the server's name has no address. */
  name: {
    dns: (servers: string) => `DNS server ${servers}`,
    noDns: (host: string) => `the name '${host}' cannot be looked up: this network gave no DNS server`,
    notFound: (host: string, dns: string) => `name not found: ${dns} knows no address of '${host}'`,
    noAddress: (host: string, dns: string) => `${dns} knows no address of '${host}'`,
    noAnswer: (host: string, dns: string) => `looking up '${host}': no answer of ${dns}`,
    closed: (host: string, dns: string) => `looking up '${host}': ${dns} does not answer (port closed)`,
    other: (host: string, dns: string, code: string) => `looking up '${host}': ${dns}: ${code}`,
  },
  /** The settings, filled in at the screen or on the serial line. */
  form: {
    title: 'Deploy-OS settings',
    intro: 'Nothing changes before you confirm it. The machine goes on trying meanwhile.',
    label: {
      address: 'Address',
      gateway: 'Gateway',
      dns: 'DNS servers',
      vlan: 'VLAN',
      nic: 'Network card',
      server: 'Server',
      ca: "Server's CA",
      remember: 'Remember',
      goOn: '[ Go on ]',
    },
    hint: {
      address: 'dhcp, or ADDRESS/PREFIX: 192.0.2.50/24',
      gateway: 'The router to other networks; empty with dhcp, or where the server is in this network',
      dns: 'At most three, with spaces between; only needed where the server is given by name',
      vlan: 'The number of a tagged network, 1 to 4094; empty: untagged',
      nic: 'The one to use first, its name or MAC address; Space shows the next one; empty: all are tried',
      server: 'HOST:PORT. The keyboard is taken as a US one: the colon is Shift and the key right of L',
      ca: "64 hexadecimal digits, as the server's start shows them after 'CA sha256:'",
      remember: 'Space: yes or no. The next start from this medium finds the settings there',
      goOn: 'Enter: look at what has been set, and confirm it',
    },
    yes: (where: string) => `yes, on ${where}`,
    no: 'no, until the machine is switched off',
    notRemembered: (why: string) => `not remembered: ${why}`,
    keys: 'Enter, Tab, arrows: move    Ctrl-U: clear    Ctrl-L: draw again    Esc: leave',
    review: 'This is what will be used:',
    empty: '-',
    confirm: 'Type yes and press Enter to use it. Anything else goes back.',
    applying: 'One moment ...',
    offer: 'F2 or s: settings (address, gateway, VLAN, server)',
    offerOnLine: 's: settings',
  },
  /** What the settings can be remembered on. */
  medium: {
    looking: 'looking for the medium',
    none: 'this machine was not booted from a CD or a USB stick',
    gone: 'no removable medium that carries the Deploy-OS is there (any more)',
    several: (devices: string) => `several media carry the Deploy-OS (${devices}); leave in one`,
    cannotBeWritten: (device: string) => `the medium cannot be written (${device})`,
    other: (device: string) => `${device} is not laid out as the medium was made`,
    inUse: (device: string) => `${device} is mounted`,
  },
};
