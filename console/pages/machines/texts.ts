// Words of the list of machines.
import { defineTexts } from '../../i18n/texts.ts';

export const machinesTexts = defineTexts({ en: { title: 'Machines' }, ja: { title: 'マシン' } });
