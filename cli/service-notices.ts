// What systemd is told by a service of Type=notify (sd_notify(3)): that it serves, that it is alive, that it stops.
import { execFile } from 'node:child_process';

const usPerMs = 1000;

/** Says that the server serves, and from now on twice in each of the watchdog's intervals that it is alive. Nothing without a systemd that listens. */
export function tellReady(status: string): void {
  tell('READY=1', `STATUS=${status}`);
  const watchdogMs = Number(process.env.WATCHDOG_USEC ?? 0) / usPerMs;
  if (watchdogMs > 0) setInterval(() => tell('WATCHDOG=1'), watchdogMs / 2).unref();
}

export function tellStopping(): void {
  tell('STOPPING=1');
}

/** By systemd's own program, since Node has no datagrams over Unix sockets. */
function tell(...assignments: string[]): void {
  if (process.env.NOTIFY_SOCKET === undefined) return;
  execFile('systemd-notify', assignments, (error) => {
    if (error !== null) process.stderr.write(`telling systemd ${assignments[0]}: ${error.message}\n`);
  });
}
