// Who may call what, as a page for people, made from the route table.
import type { Route } from '../route.ts';

const head = `# Who may call what

Made from the route table by \`node scripts/write-access-table.ts\`; a test holds the two together, and others ask every route as nobody, as each role, with tokens that have lapsed or are of a disabled user, and as agents (\`test/server/people.test.ts\`, \`access.test.ts\`, \`grants.test.ts\`, \`security/\`).
What it is good for: [security](security.md).

- *anybody*: without a token. *logged in*: any user, whatever their role.
- Roles: who may more may also what those before may (viewer, operator, administrator). *group*: also who has that role on a group that the machine, or the job's machine, is in.
- *agent*: the agent of an approved machine, for what the job names that it holds; *storing* with a capture or a restore only. Agents may call nothing else, and the operator token everything but agree to jobs and make tokens.
- Two routes are WebSockets: \`GET /v1/agent\` is for agents, with the token of their boot; \`GET /v1/events\` for viewers, and on groups.
- Plain HTTP on the same port serves anybody the boot files, boot scripts and the CA's certificate ([protocol](protocol.md)), and nothing of this table.

| route | who | group | agent |
|---|---|---|---|
`;

const who: Record<Route['access'], readonly [people: string, agent: string]> = {
  public: ['anybody', ''],
  none: ['logged in', ''],
  viewer: ['viewer', ''],
  operator: ['operator', ''],
  administrator: ['administrator', ''],
  job: ['operator', 'yes'],
  'storing-job': ['operator', 'storing'],
};

export function describeAccess(routes: readonly Route[]): string {
  const rows = routes.map(({ method, path, access, on }) => {
    const [people, agent] = who[access];
    return { key: `${path} ${method}`, cells: [`\`${method} ${path}\``, people, on === undefined ? '' : 'yes', agent] };
  });
  const sorted = rows.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return `${head}${sorted.map(({ cells }) => `| ${cells.join(' | ')} |\n`).join('')}`;
}
