import type { HandlerParts, Handlers } from './handler.ts';
import { recordingView } from './views.ts';

export function recordingHandlers({
  gateway: { recordings },
}: HandlerParts): Pick<Handlers, 'listRecordings' | 'readRecording' | 'removeRecording'> {
  return {
    listRecordings: async ({ caller, query }) => ({ recordings: (await recordings.list(caller, query.server)).map(recordingView) }),
    async readRecording({ caller, params, query }) {
      const { text, next } = await recordings.read(caller, params.name, query.from ?? 0);
      return { text, next: next ?? null };
    },
    async removeRecording({ caller, params }) {
      await recordings.remove(caller, params.name);
      return undefined;
    },
  };
}
