// What ipmitool says of a BMC that does not choose what its machine boots from; everything else of the driver is in test/conformance/power.test.ts.
import { expect, it } from 'vitest';
import { DeployError } from '../../../protocol/errors.ts';
import { explainBootDevice } from '../../../server/power/ipmi-driver.ts';

it('a BMC that refuses the device of the next boot cannot choose it; one that is not reached is no such BMC', () => {
  const said = (words: string) => new DeployError('power-failed', `the BMC bmc-1: ipmitool ended with 1: ${words}`);
  const refused = said('Set Chassis Boot Parameter 5 failed: Invalid data field in request');
  expect(explainBootDevice(refused, 'bmc-1')).toMatchObject({ code: 'power-unsupported', cause: refused });
  const unreached = said('Error: Unable to establish IPMI v2 / RMCP+ session');
  expect(explainBootDevice(unreached, 'bmc-1')).toBe(unreached);
});
