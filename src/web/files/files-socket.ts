/** The files page's connection to a server: made anew, with a fresh ticket, where it was lost. */
import { filesPath } from '../../contract/files.ts';
import type { FromFilesSocket, ToFilesSocket } from '../../contract/terminal.ts';
import { sentenceOf } from '../faults.ts';
import { api } from '../session.ts';
import { type FilesLink, FilesQuestions } from './files-link.ts';

export interface FilesSocketHears {
  entered(user: string): void;
  /** To be answered with `answer`. */
  question(text: string): void;
  /** Tried again in a moment. */
  lost(): void;
  /** It is over, and why. */
  over(sentence: string): void;
}

export interface FilesSocket {
  readonly link: FilesLink;
  answer(text: string | null): void;
  close(): void;
}

const retryMs = 2000;

/** `user`: undefined is the server's first. */
export function openFiles(server: number, user: string | undefined, hears: FilesSocketHears): FilesSocket {
  let socket: WebSocket | undefined;
  let isOver = false;
  const send = (message: ToFilesSocket) => {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(message));
    return true;
  };
  const questions = new FilesQuestions(send);

  function end(sentence: string): void {
    if (isOver) return;
    isOver = true;
    hears.over(sentence);
  }

  function take(message: FromFilesSocket): void {
    if (message.kind === 'files') questions.take(message);
    else if (message.kind === 'entered') hears.entered(message.user);
    else if (message.kind === 'question') hears.question(message.text);
    else if (message.kind !== 'alive')
      end(sentenceOf(new Error(message.kind === 'over' ? `it ended: ${message.reason}` : message.message)));
  }

  async function begin(): Promise<void> {
    try {
      const { ticket } = await api.call('openTerminal', { params: { id: server }, body: user === undefined ? {} : { user } });
      if (isOver) return;
      const made = new WebSocket(`wss://${location.host}${filesPath}`);
      socket = made;
      made.addEventListener('open', () => send({ kind: 'enter', ticket }));
      made.addEventListener('message', ({ data }: MessageEvent<string>) => take(JSON.parse(data) as FromFilesSocket));
      made.addEventListener('close', again);
    } catch (error) {
      // Without a network nothing is over yet.
      if (error instanceof TypeError) again();
      else end(sentenceOf(error));
    }
  }

  function again(): void {
    questions.lost();
    if (isOver) return;
    hears.lost();
    setTimeout(() => (isOver ? undefined : void begin()), retryMs);
  }

  void begin();
  return {
    link: questions,
    answer: (text) => void send({ kind: 'answer', text }),
    close() {
      isOver = true;
      socket?.close();
    },
  };
}
