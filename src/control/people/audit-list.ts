/** Reading the audit: one's own deeds, or everybody's for administrators. */
import { mayInHouse } from '../../core/access.ts';
import { fault } from '../../core/errors.ts';
import { parseServerId } from '../../core/ids.ts';
import { parsePersonName } from '../../core/names.ts';
import type { AuditLine } from '../../store/records.ts';
import { type Caller, requirePerson } from '../caller.ts';
import { refuse } from './deed.ts';
import type { PeopleParts } from './parts.ts';

export interface AuditVerbs {
  /** Newest first; 100 unless told. */
  list(
    caller: Caller,
    filter: { readonly limit?: number; readonly person?: string; readonly server?: number },
  ): Promise<readonly AuditLine[]>;
  /** A door's own refusal, before any verb was called. */
  noteRefusal(caller: Caller, deed: string, detail: string): Promise<void>;
}

export function makeAuditVerbs({ store }: PeopleParts): AuditVerbs {
  return {
    async list(caller, { limit = 100, person, server }) {
      const isForAll = mayInHouse(caller.actor, 'see-audit');
      const asked = person === undefined ? undefined : parsePersonName(person);
      const own = isForAll ? undefined : requirePerson(caller, 'ask for their own deeds').name;
      if (own !== undefined && asked !== undefined && asked !== own)
        throw fault('not-allowed', "only administrators may see other people's deeds");
      const whose = own ?? asked;
      return store.audit.list({
        limit,
        ...(whose === undefined ? {} : { person: whose }),
        ...(server === undefined ? {} : { serverId: parseServerId(server) }),
      });
    },
    noteRefusal: (caller, deed, detail) => refuse(store, caller, { deed, detail }),
  };
}
