// Captures to one server over loopback, one and many at once: what they get through together, beside what the disk takes.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { ServerUnderTest } from './server-under-test.ts';

const command = path.join(import.meta.dirname, '../../cli/main.ts');

/** Disks of bytes that do not compress: every one of them crosses the wire and is stored. */
export async function measureCaptures(folder: string, count: number, mebibytes: number, args: readonly string[]) {
  const disks = path.join(folder, 'disks');
  await mkdir(disks);
  const writeStartMs = performance.now();
  for (let number = 0; number <= count; number++) await writeDisk(path.join(disks, `${number}.img`), mebibytes);
  const diskMBps = ((count + 1) * mebibytes * 2 ** 20) / 1e3 / (performance.now() - writeStartMs);
  await using server = await ServerUnderTest.start(path.join(folder, 'server'), args);
  const one = await captureAll(server, disks, [0], mebibytes);
  const many = await captureAll(
    server,
    disks,
    Array.from({ length: count }, (_, index) => index + 1),
    mebibytes,
  );
  return { captures: count, mebibytesEach: mebibytes, diskMBps, one, many };
}

async function writeDisk(file: string, mebibytes: number): Promise<void> {
  const bytes = Buffer.alloc(2 ** 20);
  const handle = await open(file, 'w');
  for (let at = 0; at < mebibytes; at++) await handle.write(randomFillSync(bytes));
  await handle.sync();
  await handle.close();
}

async function captureAll(server: ServerUnderTest, disks: string, numbers: readonly number[], mebibytes: number) {
  await server.metrics();
  await server.forgetPeak();
  const [cpu, startMs] = [await server.cpuSeconds(), performance.now()];
  await Promise.all(numbers.map((number) => capture(server, path.join(disks, `${number}.img`), `disk-${number}`)));
  const seconds = (performance.now() - startMs) / 1000;
  const metrics = await server.metrics();
  const serverCpuSeconds = (await server.cpuSeconds()) - cpu;
  return {
    seconds,
    MBps: (numbers.length * mebibytes * 2 ** 20) / 1e6 / seconds,
    serverCpuPercent: (serverCpuSeconds / seconds) * 100,
    serverCpuSecondsPerGiB: (serverCpuSeconds / (numbers.length * mebibytes)) * 1024,
    serverPeakMiB: await server.peakMiB(),
    loopMaxMs: (metrics.get('deploy_os_event_loop_delay_seconds{quantity="max"}') ?? Number.NaN) * 1000,
  };
}

function capture(server: ServerUnderTest, disk: string, name: string): Promise<void> {
  const { url, caFingerprint, token } = server.child.access;
  const given = ['image', 'capture', disk, name, '--store', url, '--ca', caFingerprint, '--json'];
  const env = { ...process.env, DEPLOY_OS_TOKEN: token };
  const child: ChildProcess = spawn(process.execPath, [command, ...given], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  child.stderr?.on('data', (text: Buffer) => {
    words = (words + text.toString()).slice(-2000);
  });
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`capture of ${disk}: ${code} ${words}`))));
  });
}
