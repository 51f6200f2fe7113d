// The Debian package on an installed Debian 12 whose systemd starts the server: apt, first set-up, the service's rights, stop and restart under a
// capture, upgrade in place with the capture going on (R8), the way back, removal. In a container (scripts/lab/container.ts), not in QEMU, which
// without KVM takes minutes for a start of Node; apt, systemd, the kernel's sandboxing, server and agent are the real ones. Its disk is a file.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cacheFolder, dropOthers } from '../../scripts/lab/cache.ts';
import { Container, unpackDebian } from '../../scripts/lab/container.ts';
import { bridgeName, NetworkNamespace, serverAddress } from '../../scripts/lab/network-namespace.ts';
import { runCommand } from '../../scripts/lab/run-command.ts';
import { Site as Lab } from '../../scripts/lab/site.ts';
import { Site } from '../fixtures/agent/site.ts';
import { runsAll } from '../fixtures/run-all.ts';
import { eventually } from '../server/support.ts';

const checkout = path.join(import.meta.dirname, '../..');
const mib = 2 ** 20;
const port = 7433;
const unit = 'deploy-os.service';
const settingsFile = '/etc/deploy-os/server.env';
const data = '/var/lib/deploy-os';
const backup = '/root/before-upgrade.tar';

/** Three minutes and a half, for what is hardly ever touched; test/conformance/package.test.ts has the package without a system around it. */
const seldom = it.skipIf(!runsAll);

let folder: string;
let root: string;
let network: NetworkNamespace;
let debian: Container;
let site: Site;
/** The packages of two versions, as the container sees them. */
let older: string;
let newer: string;

beforeAll(async () => {
  if (!runsAll) return;
  folder = await Lab.makeFolder();
  root = path.join(folder, 'root');
  await unpackDebian(root);
  const made = path.join(folder, 'made');
  const file = execFileSync(path.join(checkout, 'scripts/package'), [made, '1'], { encoding: 'utf8' }).trim();
  await mkdir(path.join(root, 'root/needed'));
  for (const needed of await fetchDependencies(file)) {
    await cp(needed, path.join(root, 'root/needed', path.basename(needed)));
  }
  older = `/root/${path.basename(file)}`;
  newer = '/root/deploy-os_99.1.0_amd64.deb';
  await makeLaterVersion(file, '99.1.0', path.join(root, newer));
  await rename(file, path.join(root, older));
  network = await NetworkNamespace.create();
  debian = await Container.start(root, network, path.join(folder, 'container.log'));
});
afterAll(async () => {
  if (!runsAll) return;
  await site?.killAgent();
  await debian?.[Symbol.asyncDispose]();
  network?.close();
  await runCommand('rm', ['-rf', '--one-file-system', folder]);
});

/** What the package depends on and the bare Debian lacks, fetched once: the container's apt has no network. */
async function fetchDependencies(file: string): Promise<string[]> {
  const depends = execFileSync('dpkg-deb', ['--field', file, 'Depends'], { encoding: 'utf8' });
  const names = depends.split(',').map((word) => word.trim().split(' ', 1)[0] ?? '');
  const options = [
    '-o',
    `Dir::State::status=${root}/var/lib/dpkg/status`,
    '-o',
    'Debug::NoLocking=1',
    '--no-install-recommends',
    '-y',
  ];
  const plan = await runCommand('apt-get', [...options, '--simulate', 'install', ...names]);
  const key = createHash('sha256')
    .update(plan.match(/^Inst .*$/gm)?.join('\n') ?? '')
    .digest('hex')
    .slice(0, 16);
  const parent = cacheFolder('package-dependencies');
  const finished = path.join(parent, key);
  if (!existsSync(finished)) {
    const fetching = `${finished}.${process.pid}`;
    await mkdir(path.join(fetching, 'partial'), { recursive: true });
    await runCommand('apt-get', [
      ...options,
      '-o',
      `Dir::Cache::archives=${fetching}`,
      '--download-only',
      'install',
      ...names,
    ]);
    await rename(fetching, finished);
    dropOthers(parent, '', key);
  }
  return (await readdir(finished)).filter((name) => name.endsWith('.deb')).map((name) => path.join(finished, name));
}

/** The same package, but for its version and a changed line in its settings. */
async function makeLaterVersion(file: string, version: string, out: string): Promise<void> {
  const tree = path.join(folder, 'later');
  execFileSync('dpkg-deb', ['-R', file, tree]);
  for (const name of ['DEBIAN/control', 'DEBIAN/preinst', 'usr/lib/deploy-os/package.json']) {
    const text = await readFile(path.join(tree, name), 'utf8');
    await writeFile(path.join(tree, name), text.replaceAll('0.1.0', version));
  }
  execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, out], { stdio: 'ignore' });
}

const install = (file: string, ...options: string[]) => [
  'sh',
  '-c',
  `apt-get install -y --no-install-recommends ${options.join(' ')} ${file} /root/needed/*.deb 2>&1`,
];
const propertyOf = (name: string) => debian.run('systemctl', 'show', '--value', '--property', name, unit).trim();
const isActive = () => debian.try('systemctl', 'is-active', unit).output.trim();
const deployOs = (...words: string[]) => debian.run('env', `DEPLOY_OS_DATA=${data}`, 'deploy-os', ...words);

const readJournal = () => debian.run('journalctl', '--no-pager', '-o', 'cat', '-u', unit);
const readCaFingerprint = () => /deploy-os server at .*, CA (sha256:[0-9a-f]{64})/.exec(readJournal())?.[1] ?? '';

seldom(
  'is installed by apt on a Debian that has no Node, and serves, as a user of its own with three rights',
  async () => {
    expect(debian.try('sh', '-c', 'command -v node || command -v nodejs').status).not.toBe(0);
    debian.run(...install(older));
    // Not before it served did apt return: that is Type=notify.
    expect(isActive()).toBe('active');
    expect((await fetch(`http://${network.hostSideAddress}:${port}/ca.pem`)).status).toBe(200);
    expect(propertyOf('StatusText')).toBe(`serving at https://127.0.0.1:${port}`);
    const process = debian.run('cat', `/proc/${propertyOf('MainPID')}/status`);
    const uid = debian.run('id', '-u', 'deploy-os').trim();
    expect(process).toMatch(new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s+${uid}`, 'm'));
    // CAP_NET_BIND_SERVICE, CAP_NET_ADMIN and CAP_NET_RAW are 10, 12 and 13 (capability.h).
    expect(process).toMatch(/^CapEff:\s+0000000000003400$/m);
    expect(process).toMatch(/^CapBnd:\s+0000000000003400$/m);
    expect(process).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(process).toMatch(/^Seccomp:\s+2$/m);
    const exposure = /Overall exposure level for deploy-os.service: ([\d.]+)/.exec(
      debian.run('systemd-analyze', 'security', '--no-pager', unit),
    );
    expect(Number(exposure?.[1])).toBeLessThan(4);
    expect(debian.run('stat', '-c', '%U %a', data, `${data}/operator-token`, settingsFile)).toBe(
      'deploy-os 711\ndeploy-os 600\nroot 600\n',
    );
    expect(readCaFingerprint()).not.toBe('');
    // What dpkg does again after an interruption changes nothing.
    const before = propertyOf('MainPID');
    debian.run(
      'env',
      'DPKG_MAINTSCRIPT_PACKAGE=deploy-os',
      '/var/lib/dpkg/info/deploy-os.postinst',
      'configure',
      '0.1.0',
    );
    expect([isActive(), propertyOf('MainPID')]).toEqual(['active', before]);
  },
);

seldom(
  'hands out addresses with these rights once it is told to, and says so when its settings are wrong',
  async () => {
    const settings = `DEPLOY_OS_DATA=${data}\nDEPLOY_OS_DHCP_INTERFACE=${bridgeName}\nDEPLOY_OS_DHCP_RANGE=10.77.0.100,10.77.0.199\n`;
    await writeFile(path.join(root, settingsFile), settings.replace(bridgeName, 'eth7'));
    expect(debian.try('systemctl', 'restart', unit).status).not.toBe(0);
    expect(readJournal()).toContain('network interface eth7 is not there');
    await writeFile(path.join(root, settingsFile), settings);
    debian.run('systemctl', 'restart', unit);
    const usersOf = 'for place in /proc/[0-9]*; do [ "$(cat $place/comm)" != dnsmasq ] || stat -c %U $place; done';
    expect(debian.run('sh', '-c', usersOf)).toBe('deploy-os\n');
    const host = await network.addHost('10.77.0.9');
    await runCommand('ip', ['-n', host, 'route', 'add', 'default', 'via', serverAddress]);
    const [command, args] = network.wrapCommand(
      process.execPath,
      [path.join(checkout, 'test/fixtures/dhcp-discover.ts'), 'no', '0'],
      host,
    );
    expect(JSON.parse(await runCommand(command, args))).toMatchObject({ bootFile: 'undionly.kpxe' });
  },
);

seldom(
  'is stopped within ten seconds, and upgraded, in the middle of a capture, which goes on both times',
  async () => {
    const read = (name: string) => readFileSync(path.join(root, data, name), 'utf8').trim();
    const facts = {
      url: `https://${network.hostSideAddress}:${port}`,
      port,
      caFingerprint: readCaFingerprint(),
      operatorToken: read('operator-token'),
    };
    site = await Site.around(folder, debian.process, facts);
    site.outageMs = 3_600_000;
    const disk = path.join(folder, 'disk');
    await writeFile(disk, randomBytes(128 * mib));
    site.startAgent({ token: await site.bootToken(), bootId: randomUUID() }, [disk]);
    await site.agentSays('waiting for an administrator', 60_000);
    // The first set-up, by the command line of the package.
    const [machine] = JSON.parse(deployOs('machine', 'list', '--json')) as { id: string }[];
    deployOs('machine', 'approve', machine?.id ?? '');
    const job = await site.requestJob([{ kind: 'capture', source: { by: 'only' }, image: 'web' }]);

    await site.isInTheMiddleOf('capture');
    site.freezeAgent();
    debian.run('systemctl', 'stop', unit);
    const [stopping, stopped] = ['ActiveExitTimestampMonotonic', 'InactiveEnterTimestampMonotonic'].map(propertyOf);
    expect(Number(stopped) - Number(stopping)).toBeLessThan(10_000_000);
    expect([isActive(), propertyOf('Result')]).toEqual(['inactive', 'success']);
    debian.run('systemctl', 'start', unit);
    expect(await site.readJob(job)).toMatchObject({ state: 'running' });

    deployOs('server', 'backup', '--data', data, '--out', backup);
    const upgrading = debian.runMeanwhile(...install(newer));
    await Promise.race([upgrading, untilStopped()]);
    site.thawAgent();
    await upgrading;
    expect([isActive(), deployOs('--version').trim()]).toEqual(['active', '99.1.0']);
    const ended = await site.jobEnds(job);
    expect(ended).toMatchObject({ state: 'succeeded', error: null });
    expect(deployOs('image', 'verify', 'web', '--store', `${data}/store`)).toContain('web');
    // The settings are the administrator's.
    expect(await readFile(path.join(root, settingsFile), 'utf8')).toContain(bridgeName);
  },
);

async function untilStopped(): Promise<void> {
  while (isActive() === 'active') await sleep(50);
}

seldom('refuses to become an older version, and runs on', async () => {
  const before = propertyOf('MainPID');
  const { status, output } = debian.try(...install(older, '--allow-downgrades'));
  expect(status).not.toBe(0);
  expect(output).toContain('99.1.0 is installed, and 0.1.0 may not read its database; nothing was changed');
  expect([isActive(), propertyOf('MainPID'), deployOs('--version').trim()]).toEqual(['active', before, '99.1.0']);
  expect(debian.run('dpkg', '--audit')).toBe('');
});

seldom('is started anew by systemd when it says nothing any more', async () => {
  // Three minutes as it is shipped.
  await withDropIn('[Service]\nWatchdogSec=6\n', async () => {
    debian.run('systemctl', 'restart', unit);
    const silent = propertyOf('MainPID');
    debian.run('sh', '-c', `kill -STOP ${silent}`);
    await eventually(async () => isActive() === 'active' && propertyOf('MainPID') !== silent, 120_000);
    expect(readJournal()).toMatch(/Watchdog timeout/);
  });
  debian.run('systemctl', 'restart', unit);
});

seldom('serves from a data directory that was moved elsewhere, once the service may write there', async () => {
  const elsewhere = '/srv/deploy-os';
  debian.run('systemctl', 'stop', unit);
  debian.run('cp', '-a', data, elsewhere);
  const settings = await readFile(path.join(root, settingsFile), 'utf8');
  await writeFile(path.join(root, settingsFile), settings.replaceAll(data, elsewhere));
  expect(debian.try('systemctl', 'start', unit).status).not.toBe(0);
  expect(readJournal()).toMatch(/EROFS|read-only file system/);
  await withDropIn(`[Service]\nReadWritePaths=${elsewhere}\n`, async () => {
    debian.run('systemctl', 'restart', unit);
    const listed = debian.run('env', `DEPLOY_OS_DATA=${elsewhere}`, 'deploy-os', 'job', 'list', '--json');
    expect(JSON.parse(listed)).toHaveLength(1);
  });
  await writeFile(path.join(root, settingsFile), settings);
  debian.run('systemctl', 'restart', unit);
});

/** What `systemctl edit` leaves behind, for as long as `work` lasts. */
async function withDropIn(text: string, work: () => Promise<void>): Promise<void> {
  const file = path.join(root, `/etc/systemd/system/${unit}.d/test.conf`);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
  debian.run('systemctl', 'daemon-reload');
  await work();
  await rm(file);
  debian.run('systemctl', 'daemon-reload');
}

seldom('goes back to what was before the upgrade as the documentation says, with its images', async () => {
  const kept = `${data}.newer`;
  debian.run('apt-get', 'remove', '-y', 'deploy-os');
  debian.run('mv', data, kept);
  debian.run(...install(older));
  debian.run('systemctl', 'stop', unit);
  debian.run('rm', '-r', data);
  deployOs('server', 'restore', backup, '--data', data);
  debian.run('mv', `${kept}/store`, `${data}/store`);
  debian.run('systemctl', 'start', unit);
  expect([isActive(), deployOs('--version').trim()]).toEqual(['active', '0.1.0']);
  // The job that ran when the backup was made waits for somebody who says that it is to go on; until its agent is back, it counts as running.
  expect(JSON.parse(deployOs('job', 'list', '--json'))).toMatchObject([{ wait: { code: 'paused' } }]);
  expect(deployOs('image', 'verify', 'web', '--store', `${data}/store`)).toContain('web');
});

seldom('is removed and comes back with all that it had; purged, it leaves images and database alone', async () => {
  debian.run('apt-get', 'remove', '-y', 'deploy-os');
  expect(isActive()).toBe('inactive');
  expect(existsSync(path.join(root, settingsFile))).toBe(true);
  debian.run(...install(newer));
  expect(isActive()).toBe('active');
  expect(deployOs('image', 'list', '--store', `${data}/store`)).toContain('web');
  const said = debian.run('sh', '-c', 'apt-get purge -y deploy-os 2>&1');
  expect(said).toContain(`images, database and CA are left in ${data}`);
  expect(debian.run('ls', data)).toMatch(/^deploy-os\.sqlite$[\s\S]*^store$/m);
  expect(
    [settingsFile, '/var/cache/deploy-os', '/usr/lib/deploy-os'].filter((name) => existsSync(path.join(root, name))),
  ).toEqual([]);
  expect(debian.try('systemctl', 'cat', unit).status).not.toBe(0);
});
