// What every store says of a wrapped key that is there or is not.
import { DeployError } from '../../protocol/errors.ts';

export function keyExists(id: string): DeployError {
  return new DeployError('invalid-input', `there is already another key ${id}`);
}

export function keyNotFound(id: string, label: string): DeployError {
  return new DeployError('key-not-found', `there is no key ${id} in ${label}`, {
    hint: 'List the keys with `deploy-os key list`.',
  });
}
