// What a Windows says of itself in its registry, read offline out of the hives SYSTEM, SOFTWARE and SECURITY.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { Mft } from '../fs/ntfs-mft.ts';
import { type System, shorten, shortenAll } from '../manifest/system.ts';
import { Hive, type HiveKey } from './hive.ts';
import { findNtfsFile, openNtfs, openNtfsFile } from './ntfs-files.ts';

type WindowsFacts = Omit<System, 'partition' | 'volume'>;

const systemFolders = ['Windows', 'WINNT'];
const networkClass = '{4d36e972-e325-11ce-bfc1-08002be10318}';
/** Microsoft's own multiplexor (LBFO), and the makers' teaming of before: Intel, Broadcom, HP. */
const teamComponent = /implat|ians|basp|cpqteam/i;
const serviceStart = { boot: 0, automatic: 2 } as const;

/** The Windows in this NTFS, or null when there is none. @throws file-system-corrupt where its registry cannot be read */
export async function findWindows(bytes: ByteReader): Promise<WindowsFacts | null> {
  const mft = await openNtfs(bytes);
  for (const folder of systemFolders) {
    const config = [folder, 'System32', 'config'];
    const system = await findNtfsFile(mft, [...config, 'SYSTEM']);
    if (system === null) continue;
    const hive = (name: string) => openOther(mft, [...config, name]);
    return await readWindows(await Hive.open(await openNtfsFile(mft, system)), {
      software: await hive('SOFTWARE'),
      security: await hive('SECURITY'),
    });
  }
  return null;
}

/** What only these hives tell is left open where they cannot be read. */
async function openOther(mft: Mft, path: readonly string[]): Promise<Hive | null> {
  const number = await findNtfsFile(mft, path);
  if (number === null) return null;
  return await openNtfsFile(mft, number)
    .then((file) => Hive.open(file))
    .catch(() => null);
}

export async function readWindows(
  system: Hive,
  { software, security }: { software: Hive | null; security: Hive | null },
): Promise<WindowsFacts> {
  const current = (await system.findNumber(await system.find('Select'), 'Current')) ?? 1;
  const set = `ControlSet${String(current).padStart(3, '0')}`;
  const services = await system.find(set, 'Services');
  const tcpip = await system.find(set, 'Services', 'Tcpip', 'Parameters');
  const computer = await system.find(set, 'Control', 'ComputerName', 'ComputerName');
  const domainController = await isController(system, set);
  const domainName = await system.findText(tcpip, 'Domain');
  const inDomain = domainController || (await isMember(system, set, security, domainName));
  return {
    kind: 'windows',
    ...(await orUnknown(() => readProduct(software), { name: null, version: null })),
    hostName: shorten((await system.findText(tcpip, 'Hostname')) ?? (await system.findText(computer, 'ComputerName'))),
    inDomain,
    // Outside of a domain this is only a suffix for names.
    domain: inDomain ? shorten(domainName) : null,
    domainController,
    bootDrivers: services === null ? null : await listBootDrivers(system, services),
    teams: await listTeams(system, set),
    fixedNames: [],
  };
}

async function orUnknown<Fact>(read: () => Promise<Fact>, unknown: Fact): Promise<Fact> {
  return await read().catch(() => unknown);
}

async function readProduct(software: Hive | null): Promise<Pick<WindowsFacts, 'name' | 'version'>> {
  const key = (await software?.find('Microsoft', 'Windows NT', 'CurrentVersion')) ?? null;
  if (software === null || key === null) return { name: null, version: null };
  const build = (await software.findText(key, 'CurrentBuild')) ?? (await software.findText(key, 'CurrentBuildNumber'));
  const major = await software.findNumber(key, 'CurrentMajorVersionNumber');
  const minor = await software.findNumber(key, 'CurrentMinorVersionNumber');
  // Since version 10 the text stays at 6.3.
  const version = major === null ? await software.findText(key, 'CurrentVersion') : `${major}.${minor ?? 0}`;
  const name = await software.findText(key, 'ProductName');
  // Windows 11 goes on calling itself 10 there.
  const isEleven = Number(build) >= 22_000;
  return {
    name: shorten(isEleven ? (name?.replace(/^Windows 10\b/, 'Windows 11') ?? null) : name),
    version: shorten([version, build].filter((part) => part !== null).join('.')),
  };
}

/** `LanmanNT` is what Windows itself goes by; the directory's database is named as long as there is one. */
async function isController(system: Hive, set: string): Promise<boolean> {
  const product = await system.findText(await system.find(set, 'Control', 'ProductOptions'), 'ProductType');
  if (product?.toLowerCase() === 'lanmannt') return true;
  const directory = await system.find(set, 'Services', 'NTDS', 'Parameters');
  return (await system.findText(directory, 'DSA Database file')) !== null;
}

/**
 * The SID of the primary domain stands in the hive SECURITY as long as the machine is a member; where that cannot be read: the service
 * that keeps the trust starts by itself in members only.
 */
async function isMember(system: Hive, set: string, security: Hive | null, domain: string | null): Promise<boolean> {
  const byService = async () => {
    const start = await system.findNumber(await system.find(set, 'Services', 'Netlogon'), 'Start');
    return start === serviceStart.automatic && domain !== null;
  };
  if (security === null) return await byService();
  return await orUnknown(
    async () => {
      const policy = await security.find('Policy', 'PolPrDmS');
      if (policy === null) return await byService();
      const sid = await security.findBytes(policy, '');
      // A domain's SID is S-1-5-21-…; of a workgroup there is none.
      return sid !== null && sid.length >= 24 && sid[0] === 1 && sid[7] === 5 && sid.readUInt32LE(8) === 21;
    },
    await byService(),
  );
}

/** Drivers that the boot loader loads and that belong to disk controllers, by their group or, as newer ones have none, by name. */
async function listBootDrivers(system: Hive, services: HiveKey): Promise<string[]> {
  const drivers: string[] = [];
  for await (const service of system.subkeys(services)) {
    if ((await system.findNumber(service, 'Start')) !== serviceStart.boot) continue;
    const group = await system.findText(service, 'Group');
    if (group?.toLowerCase() !== 'scsi miniport' && !knownDrivers.test(service.name)) continue;
    if (!(await isHeldBack(system, service))) drivers.push(service.name);
  }
  return shortenAll(drivers);
}

const knownDrivers =
  /^(atapi|intelide|pciide|msahci|storahci|amdsata|amdxata|iastor\w*|stornvme|nvme\w*|viostor|vioscsi|pvscsi|megasas\w*|lsi_sas\w*|percsas\w*|storvsc|smartsas\w*|hpsa\w*|arcsas|adp\w*|bxvbd|sdbus)$/i;

/** Windows keeps drivers that the machine of its installation did not need from starting, though they stand at "boot". */
async function isHeldBack(system: Hive, service: HiveKey): Promise<boolean> {
  for await (const key of system.subkeys(service)) {
    if (key.name.toLowerCase() === 'startoverride') return ((await system.findNumber(key, '0')) ?? 0) !== 0;
  }
  return false;
}

async function listTeams(system: Hive, set: string): Promise<string[]> {
  const key = await system.find(set, 'Control', 'Class', networkClass);
  if (key === null) return [];
  const teams: string[] = [];
  for await (const card of system.subkeys(key)) {
    const component = await system.findText(card, 'ComponentId');
    if (component === null || !teamComponent.test(component)) continue;
    teams.push((await system.findText(card, 'DriverDesc')) ?? component);
  }
  return shortenAll(teams);
}
