/** Recordings for those who may see them: whoever has everything of the server, and administrators. Each reading is in the audit. */
import { allows } from '../../core/access.ts';
import type { ServerId } from '../../core/ids.ts';
import { type NamedRecording, parseRecordingName } from '../../core/recording.ts';
import type { ServerRecord } from '../../store/servers.ts';
import type { Store } from '../../store/store.ts';
import type { AccessDesk } from '../access-desk.ts';
import { type Caller, isAdministrator, originOf } from '../caller.ts';
import { notFound, type RecordingFile, type RecordingFiles } from './recording-files.ts';

export interface ShownRecording extends RecordingFile {
  /** Undefined: the server is gone. */
  readonly serverId: ServerId | undefined;
}

export interface Recordings {
  /** Oldest first; with an ID, of that server alone. */
  list(caller: Caller, id?: number): Promise<readonly ShownRecording[]>;
  /** See `RecordingFiles`. Both throw `bad-request` for what is no name, `not-found`, and what `AccessDesk.require` throws. */
  read(caller: Caller, name: string, from: number): Promise<{ readonly text: string; readonly next: number | undefined }>;
  remove(caller: Caller, name: string): Promise<void>;
}

export interface RecordingsOptions {
  readonly store: Store;
  readonly access: AccessDesk;
  readonly recordingFiles: RecordingFiles;
}

export function makeRecordings({ store, access, recordingFiles: files }: RecordingsOptions): Recordings {
  async function admit(
    caller: Caller,
    name: string,
  ): Promise<{ readonly recording: NamedRecording; readonly server: ServerRecord | undefined }> {
    const recording = parseRecordingName(name);
    const server = await store.servers.byGeneration(recording.generation);
    if (server !== undefined) await access.require(caller, server.id, 'share');
    else if (!isAdministrator(caller.actor)) throw notFound(recording.name);
    return { recording, server };
  }

  async function wrote(caller: Caller, deed: string, { recording, server }: Awaited<ReturnType<typeof admit>>): Promise<void> {
    const at = server === undefined ? undefined : { id: server.id, generation: server.generation };
    await store.audit.append({ ...originOf(caller), deed, server: at, allowed: true, detail: recording.name });
  }

  return {
    async list(caller, id) {
      const only = id === undefined ? undefined : (await access.require(caller, id, 'share')).record.generation;
      const judge = await access.judge(caller);
      const servers = new Map((await store.servers.list()).map((server) => [server.generation, server]));
      const maySee = (server: ServerRecord | undefined) =>
        server === undefined ? isAdministrator(caller.actor) : allows(judge(server), 'share');
      const shown: ShownRecording[] = [];
      for (const recording of await files.names()) {
        const server = servers.get(recording.generation);
        if (!maySee(server) || (only !== undefined && only !== recording.generation)) continue;
        const file = await files.describe(recording);
        if (file !== undefined) shown.push({ ...file, serverId: server?.id });
      }
      return shown;
    },

    async read(caller, name, from) {
      const admitted = await admit(caller, name);
      const piece = await files.read(admitted.recording.name, from);
      if (from === 0) await wrote(caller, 'recording-show', admitted);
      return piece;
    },

    async remove(caller, name) {
      const admitted = await admit(caller, name);
      await files.remove(admitted.recording.name);
      await wrote(caller, 'recording-remove', admitted);
    },
  };
}
