// `deploy-os audit`: who did what.
import type { Command } from 'commander';
import { type AuditEntry, auditPageSchema } from '../protocol/people.ts';
import { type ConnectOptions, connect, withServerOptions } from './connect.ts';
import { printJson, printTable } from './output.ts';

const pageSize = 500;

export function addCommands(program: Command): void {
  withServerOptions(program.command('audit').description('Show who did what, newest first; for administrators'))
    .option('--limit <number>', 'so many entries (default: 50)', Number)
    .action(run);
}

async function run(options: ConnectOptions & { readonly limit?: number }): Promise<void> {
  const wanted = options.limit ?? 50;
  const entries: AuditEntry[] = [];
  const client = await connect(options);
  try {
    for (let before = ''; entries.length < wanted; ) {
      const limit = Math.min(pageSize, wanted - entries.length);
      const page = await client.call('GET', `/v1/audit?limit=${limit}${before}`, auditPageSchema);
      entries.push(...page.entries);
      if (page.next === null) break;
      before = `&before=${page.next}`;
    }
  } finally {
    client.close();
  }
  if (options.json === true) return printJson(entries);
  printTable(
    ['TIME', 'WHO', 'FROM', 'ACTION', 'ABOUT', 'OUTCOME'],
    entries.map(({ at, who, address, action, about, outcome }) => {
      const words = Object.entries(about).map(([name, value]) => `${name}=${value}`);
      return [at, who, address, action, words.join(' '), outcome];
    }),
  );
}
