// What `deploy-os doctor` says of one service.

export const checkCodes = [
  'https',
  'clock',
  'boot-files',
  'dhcp',
  'dhcp-other',
  'tftp',
  'port',
  'port-ephemeral',
  'firewall',
] as const;

export type ServiceCheck = {
  readonly code: (typeof checkCodes)[number];
  /** `unknown`: it could not be asked. Only a `fault` makes the command fail. */
  readonly outcome: 'ok' | 'warning' | 'fault' | 'unknown';
  readonly message: string;
  /** What to do; null when all is well. */
  readonly advice: string | null;
};

export function ok(code: ServiceCheck['code'], message: string): ServiceCheck {
  return { code, outcome: 'ok', message, advice: null };
}
