/** The store copied to a file of the host while it is in use. Root's alone: the copy holds every secret, and control writes it as root. */
import { fault } from '../core/errors.ts';
import type { Store } from '../store/store.ts';
import { originOf } from './caller.ts';
import type { BackupVerbs } from './control.ts';

export function makeBackupVerbs({ store }: { readonly store: Store }): BackupVerbs {
  return {
    async write(caller, path, { replaces }) {
      const line = { ...originOf(caller), deed: 'backup', server: undefined, detail: path };
      if (caller.actor.kind !== 'root') {
        await store.audit.append({ ...line, allowed: false });
        throw fault('not-allowed', 'only root may write a backup, because it holds every secret and control writes it as root: use sudo');
      }
      await store.backup(path, { replaces });
      await store.audit.append({ ...line, allowed: true });
    },
  };
}
