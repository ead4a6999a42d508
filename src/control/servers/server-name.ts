/** The name of a server beside its ID. */
import { fault } from '../../core/errors.ts';
import { parsePersonName, type PersonName, type ServerName } from '../../core/names.ts';
import type { Store } from '../../store/store.ts';

/** Throws `name-taken` for a person's: at the bastion `ada@host` is Ada's lobby, and would never be a server. */
export async function refusePersonsName({ people }: Pick<Store, 'people'>, name: ServerName): Promise<void> {
  const person = asPerson(name);
  if (person !== undefined && (await people.get(person)) !== undefined)
    throw fault('name-taken', `"${name}" is the name of a person here, and leads into their own lobby: choose another name for the server`);
}

/** Undefined: nobody could be called so. */
function asPerson(name: ServerName): PersonName | undefined {
  try {
    return parsePersonName(name);
  } catch {
    return undefined;
  }
}
