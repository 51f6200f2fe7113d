import { expect, test } from 'vitest';
import { warnOnChange } from '../../../agent/1-boot/warn-on-change.ts';

test('what was warned of is said once, and again when it had been well in between', async () => {
  const [torn, late] = ['of /dev/sdb no array could be assembled', '/dev/sdc did not answer within 15 s'];
  const looks = [[torn], [torn, torn], [torn, late, late], [late], [torn, late], []];
  const said: string[] = [];
  const round = warnOnChange(
    async (log) => {
      for (const message of looks.shift() ?? []) log('warning', message);
      log('info', 'looked');
    },
    (level, message) => said.push(`${level} ${message}`),
  );
  const lines: string[][] = [];
  while (looks.length > 0) {
    await round();
    lines.push(said.splice(0));
  }
  const [tornOnce, lateOnce, looked] = [`warning ${torn}`, `warning ${late}`, 'info looked'];
  expect(lines).toEqual([[tornOnce, looked], [looked], [lateOnce, looked], [looked], [tornOnce, looked], [looked]]);
});
