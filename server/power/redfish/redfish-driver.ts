// Redfish (DMTF DSP0266 and the schema ComputerSystem): finds the system, resets it, reads its power state, and sets the device of the next boot.
import { z } from 'zod';
import { DeployError } from '../../../protocol/errors.ts';
import type { PowerState, SettingsOf } from '../../../protocol/power.ts';
import type { OutgoingAddresses } from '../../outgoing/addresses.ts';
import type { PowerChange, PowerDriver } from '../driver.ts';
import { type RedfishAnswer, RedfishClient, type RedfishRequest } from './redfish-client.ts';

const link = z.object({ '@odata.id': z.string().max(512) });
const rootSchema = z.object({
  Systems: link,
  SessionService: link.optional(),
  Links: z.object({ Sessions: link }).optional(),
});
const collectionSchema = z.object({ Members: z.array(link).max(256) });
const resetTypes = z.array(z.string().max(64)).max(64);
const systemSchema = z.object({
  Id: z.string().max(128).optional(),
  PowerState: z.string().max(64).nullish(),
  Actions: z.object({
    '#ComputerSystem.Reset': z.object({
      target: z.string().max(512),
      'ResetType@Redfish.AllowableValues': resetTypes.optional(),
      '@Redfish.ActionInfo': z.string().max(512).optional(),
    }),
  }),
  Boot: z
    .object({ 'BootSourceOverrideTarget@Redfish.AllowableValues': z.array(z.string().max(64)).max(64).optional() })
    .optional(),
});
const actionInfoSchema = z.object({
  Parameters: z.array(z.object({ Name: z.string(), AllowableValues: resetTypes.optional() })).max(32),
});

/** The first of each that the system takes (DSP2046, "ResetType"). */
const resets: Record<PowerChange, readonly string[]> = {
  on: ['On', 'ForceOn'],
  off: ['ForceOff'],
  soft: ['GracefulShutdown', 'PushPowerButton'],
};

type Call = (request: RedfishRequest) => Promise<RedfishAnswer>;
type Found = {
  readonly path: string;
  readonly etag: string | undefined;
  readonly system: z.infer<typeof systemSchema>;
};

export function openRedfish(
  settings: SettingsOf<'redfish'>,
  password: string,
  addresses: OutgoingAddresses,
): PowerDriver {
  const client = new RedfishClient(settings.url, { addresses, trust: settings });
  const within = <T>(signal: AbortSignal, work: (call: Call, found: Found) => Promise<T>): Promise<T> =>
    withSession(client, { ...settings, password }, signal, async (call) =>
      work(call, await findSystem(call, settings)),
    );
  return {
    read: (signal) => within(signal, async (_call, { system }) => stateOf(system.PowerState)),
    ask: (change, signal) =>
      within(signal, async (call, { system }) => {
        const reset = system.Actions['#ComputerSystem.Reset'];
        const ResetType = await chooseReset(call, reset, change);
        await call({ method: 'POST', path: reset.target, body: { ResetType } });
      }),
    bootFromNetwork: (signal) =>
      within(signal, async (call, { path, etag, system }) => {
        const targets = system.Boot?.['BootSourceOverrideTarget@Redfish.AllowableValues'];
        if (targets !== undefined && !targets.includes('Pxe')) {
          throw new DeployError(
            'power-unsupported',
            `the BMC ${settings.url} cannot make it boot from the network once`,
          );
        }
        const body = { Boot: { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: 'Pxe' } };
        await call({ method: 'PATCH', path, body, ...(etag === undefined ? {} : { headers: { 'if-match': etag } }) });
      }),
  };
}

type Login = { readonly user: string; readonly password: string; readonly auth: 'session' | 'basic' };

/** A session is closed again, whatever became of the work: BMCs have few. */
async function withSession<T>(
  client: RedfishClient,
  { user, password, auth }: Login,
  signal: AbortSignal,
  work: (call: Call) => Promise<T>,
): Promise<T> {
  if (auth === 'basic') {
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    return work((request) => client.call(withHeaders(request, { authorization }), signal));
  }
  const { body: root } = await get((request) => client.call(request, signal), '/redfish/v1/', rootSchema);
  const path = root.Links?.Sessions['@odata.id'] ?? '/redfish/v1/SessionService/Sessions';
  const login = await client.call({ method: 'POST', path, body: { UserName: user, Password: password } }, signal);
  const token = login.headers['x-auth-token'];
  if (token === undefined) throw new DeployError('power-failed', 'the BMC took the login and gave no session');
  const headers = { 'x-auth-token': token };
  try {
    return await work((request) => client.call(withHeaders(request, headers), signal));
  } finally {
    const session = pathOf(login.headers.location);
    if (session !== null) await client.call({ method: 'DELETE', path: session, headers }, signal).catch(() => {});
  }
}

function withHeaders(request: RedfishRequest, headers: Record<string, string>): RedfishRequest {
  return { ...request, headers: { ...headers, ...request.headers } };
}

/** `Location` may be a whole URL. */
function pathOf(location: string | undefined): string | null {
  if (location === undefined) return null;
  return URL.canParse(location, 'https://bmc.invalid') ? new URL(location, 'https://bmc.invalid').pathname : null;
}

async function findSystem(call: Call, { url, system: id }: SettingsOf<'redfish'>): Promise<Found> {
  const { body: root } = await get(call, '/redfish/v1/', rootSchema);
  const { body: collection } = await get(call, root.Systems['@odata.id'], collectionSchema);
  const paths = collection.Members.map((member) => member['@odata.id']);
  const names = paths.map((path) => path.replace(/\/$/, '').split('/').at(-1) ?? '');
  const index = id === undefined ? (paths.length === 1 ? 0 : -1) : names.indexOf(id);
  const path = paths[index];
  if (path === undefined) {
    throw new DeployError(
      'power-failed',
      `the BMC ${url} has the systems ${names.join(', ').slice(0, 500) || '(none)'}`,
      {
        hint: 'Say which one is the machine: --system ID',
      },
    );
  }
  const { body: system, etag } = await get(call, path, systemSchema);
  return { path, etag, system };
}

type Reset = z.infer<typeof systemSchema>['Actions']['#ComputerSystem.Reset'];

async function chooseReset(call: Call, reset: Reset, change: PowerChange): Promise<string> {
  const allowed =
    reset['ResetType@Redfish.AllowableValues'] ?? (await readActionInfo(call, reset['@Redfish.ActionInfo']));
  const wanted = resets[change];
  const chosen = allowed === null ? wanted[0] : wanted.find((type) => allowed.includes(type));
  if (chosen !== undefined) return chosen;
  throw new DeployError('power-unsupported', `the BMC takes none of ${wanted.join(', ')}, only ${allowed?.join(', ')}`);
}

async function readActionInfo(call: Call, path: string | undefined): Promise<string[] | null> {
  if (path === undefined) return null;
  const { body } = await get(call, path, actionInfoSchema);
  return body.Parameters.find(({ Name }) => Name === 'ResetType')?.AllowableValues ?? null;
}

async function get<T>(call: Call, path: string, schema: z.ZodType<T>): Promise<{ body: T; etag: string | undefined }> {
  const { body, headers } = await call({ method: 'GET', path });
  const parsed = schema.safeParse(body);
  if (parsed.success) return { body: parsed.data, etag: headers.etag };
  const why = parsed.error.issues[0];
  throw new DeployError('power-failed', `the BMC answers ${path} otherwise than Redfish says`, {
    cause: parsed.error,
    hint: `${why?.path.join('.')}: ${why?.message}`,
  });
}

/** On the way (`PoweringOff`) is not there yet. */
function stateOf(text: string | null | undefined): PowerState {
  if (text === 'On') return 'on';
  return text === 'Off' ? 'off' : 'unknown';
}
