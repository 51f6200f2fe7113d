// The form: what is in its fields, where the cursor stands, and what a key makes of it. Pure: nothing is read, written or applied here.
import { parseAddressParts, splitAddressChoice } from '../1-boot/address-choice.ts';
import { noneWord, readSettings, type SettingWords } from '../1-boot/settings.ts';
import type { Key } from './keys.ts';

export const fieldNames = ['address', 'gateway', 'dns', 'vlan', 'nic', 'server', 'ca'] as const;
export type FieldName = (typeof fieldNames)[number];
export type FormValues = Readonly<Record<FieldName, string>>;
export type FormFaults = Readonly<Partial<Record<FieldName, string>>>;

/** The rows, in their order, that the cursor can be on. */
const rows = [...fieldNames, 'remember', 'goOn'] as const;
export type FormRow = (typeof rows)[number];

export type FormState = {
  readonly values: FormValues;
  /** What is wrong is shown of fields that have been left. */
  readonly left: readonly FieldName[];
  readonly row: FormRow;
  /** Before which character of the row's value the cursor stands. */
  readonly caret: number;
  readonly remember: boolean;
  /** What has been typed to confirm; null while the fields are shown. */
  readonly confirming: string | null;
};

/** `open`: it goes on. `apply` comes of the word `yes` and nothing else. */
export type FormOutcome =
  | { readonly kind: 'open' | 'left' | 'redraw' }
  | { readonly kind: 'apply'; readonly words: SettingWords; readonly remember: boolean };

type Pressed = { readonly state: FormState; readonly outcome: FormOutcome };

const maxLength = 255;
/** What neither GRUB's script nor the kernel's command line takes for anything but itself. */
const plain = /^[A-Za-z0-9.:/_[\], -]*$/;
const notPlain = 'only letters, digits and . : / - _ [ ] can be written here';
const confirmWord = 'yes';

/** The form with what is set now, right or wrong. */
export function openForm(words: SettingWords): FormState {
  const { own, gateway, dns } = splitAddressChoice(words.ip === '' ? 'dhcp' : words.ip);
  const taken = (word: string): string => (word === noneWord ? '' : word);
  const values = {
    address: own,
    gateway,
    dns: dns.join(' '),
    vlan: taken(words.vlan),
    nic: taken(words.nic),
    server: words.server,
    ca: words.ca.replace(/^sha256:/, ''),
  };
  const left = fieldNames.filter((name) => values[name] !== '');
  return { values, left, row: 'address', caret: own.length, remember: true, confirming: null };
}

/** What is wrong with each field that is wrong. */
export function findFaults(values: FormValues): FormFaults {
  const choice = parseAddressParts(partsOf(values));
  const { faults } = readSettings(wordsOf(values));
  const { server, ca, vlan, nic } = faults;
  const own = 'fault' in choice ? { [choice.part === 'own' ? 'address' : choice.part]: choice.fault } : null;
  // What is wrong with the address as a whole is that it does not go with the server's.
  const whole = faults.ip === undefined ? {} : { address: faults.ip };
  const found = { ...(own ?? whole), vlan, nic, server, ca };
  const unfit = (name: FieldName) => (plain.test(values[name]) ? undefined : notPlain);
  const faulty = fieldNames.map((name) => [name, unfit(name) ?? found[name as keyof typeof found]] as const);
  return Object.fromEntries(faulty.filter(([, fault]) => fault !== undefined));
}

/** As the command line would say it. */
export function wordsOf(values: FormValues): SettingWords {
  const { own, gateway, dns } = partsOf(values);
  return {
    server: values.server.trim(),
    ca: fingerprintOf(values.ca),
    ip: [own, gateway, ...dns].join(',').replace(/,+$/, ''),
    vlan: values.vlan.trim(),
    nic: values.nic.trim(),
  };
}

function partsOf({ address, gateway, dns }: FormValues) {
  return { own: address.trim(), gateway: gateway.trim(), dns: dns.split(/[\s,]+/).filter((server) => server !== '') };
}

/** The digits may stand in groups, with or without what the server writes before them. */
function fingerprintOf(text: string): string {
  const digits = text.replace(/^\s*sha256:/i, '').replaceAll(/[\s:-]/g, '');
  return digits === '' ? '' : `sha256:${digits.toLowerCase()}`;
}

/** `nicNames`: those that the machine has. */
export function pressKey(state: FormState, key: Key, nicNames: readonly string[]): Pressed {
  if ('name' in key && key.name === 'redraw') return { state, outcome: { kind: 'redraw' } };
  return state.confirming === null ? pressInFields(state, key, nicNames) : pressToConfirm(state, state.confirming, key);
}

function pressToConfirm(state: FormState, typed: string, key: Key): Pressed {
  const still = (confirming: string | null): Pressed => open({ ...state, confirming });
  if ('text' in key) return still((typed + key.text).slice(0, maxLength));
  if (key.name === 'backspace') return still(typed.slice(0, -1));
  if (key.name !== 'enter' || typed.toLowerCase() !== confirmWord) return still(null);
  return { state, outcome: { kind: 'apply', words: wordsOf(state.values), remember: state.remember } };
}

function pressInFields(state: FormState, key: Key, nicNames: readonly string[]): Pressed {
  if ('text' in key) return open(typeText(state, key.text, nicNames));
  switch (key.name) {
    case 'escape':
      return { state, outcome: { kind: 'left' } };
    case 'enter':
      return open(state.row === 'goOn' ? goOn(state) : moveTo(state, 1));
    case 'next':
    case 'down':
      return open(moveTo(state, 1));
    case 'previous':
    case 'up':
      return open(moveTo(state, -1));
    default:
      return open(editField(state, key.name));
  }
}

const open = (state: FormState): Pressed => ({ state, outcome: { kind: 'open' } });

function fieldOf({ row }: FormState): FieldName | null {
  return row === 'remember' || row === 'goOn' ? null : row;
}

function moveTo(state: FormState, by: 1 | -1): FormState {
  const row = rows[(rows.indexOf(state.row) + by + rows.length) % rows.length] ?? 'address';
  const field = fieldOf(state);
  const left = field === null || state.left.includes(field) ? state.left : [...state.left, field];
  return standOn({ ...state, left }, row);
}

function standOn(state: FormState, row: FormRow): FormState {
  const field = fieldOf({ ...state, row });
  return { ...state, row, caret: field === null ? 0 : state.values[field].length };
}

/** To the first field that is wrong, or to the question. */
function goOn(state: FormState): FormState {
  const faults = findFaults(state.values);
  const faulty = fieldNames.find((name) => faults[name] !== undefined);
  if (faulty === undefined) return { ...state, confirming: '' };
  return standOn({ ...state, left: fieldNames }, faulty);
}

function typeText(state: FormState, text: string, nicNames: readonly string[]): FormState {
  const field = fieldOf(state);
  if (text === ' ' && state.row === 'remember') return { ...state, remember: !state.remember };
  if (field === null) return state;
  if (text === ' ' && field === 'nic') return withValue(state, field, nextNic(state.values.nic, nicNames));
  const value = state.values[field];
  if (value.length >= maxLength) return state;
  const typed = value.slice(0, state.caret) + text + value.slice(state.caret);
  return { ...withValue(state, field, typed), caret: state.caret + text.length };
}

/** After the last of them comes none. */
function nextNic(current: string, nicNames: readonly string[]): string {
  return nicNames[nicNames.indexOf(current) + 1] ?? '';
}

function withValue(state: FormState, field: FieldName, value: string): FormState {
  return { ...state, values: { ...state.values, [field]: value }, caret: value.length };
}

function editField(state: FormState, name: string): FormState {
  const field = fieldOf(state);
  if (field === null) return state;
  const value = state.values[field];
  const at = (caret: number): FormState => ({ ...state, caret: Math.max(0, Math.min(value.length, caret)) });
  const without = (from: number): FormState => {
    if (from < 0) return state;
    return { ...withValue(state, field, value.slice(0, from) + value.slice(from + 1)), caret: from };
  };
  switch (name) {
    case 'left':
      return at(state.caret - 1);
    case 'right':
      return at(state.caret + 1);
    case 'home':
      return at(0);
    case 'end':
      return at(value.length);
    case 'backspace':
      return without(state.caret - 1);
    case 'delete':
      return without(state.caret);
    case 'clear':
      return withValue(state, field, '');
    default:
      return state;
  }
}
