import { parseServerId } from '../core/ids.ts';
import { formatSize } from '../core/sizes.ts';
import type { RecordingView } from '../contract/schemas.ts';
import type { Column } from './format.ts';
import { addColumnOptions, branch, leaf, listed, optional, perform, type Register, required } from './grammar.ts';
import type { CommonOptions, Invocation, RowOptions } from './invocation.ts';
import { escapeHarmful, visible } from './plain-text.ts';

const columns: readonly Column<RecordingView>[] = [
  { name: 'name', cell: (recording) => recording.name },
  { name: 'server', cell: (recording) => recording.serverId },
  { name: 'person', cell: (recording) => recording.person },
  { name: 'started', cell: (recording) => recording.startedAt },
  { name: 'size', cell: (recording) => formatSize(recording.bytes) },
];

interface ShowOptions extends CommonOptions {
  readonly output?: string;
}

export const registerRecording: Register = (program, invocation) => {
  const recording = branch(program, invocation, 'recording', 'recordings of terminal sessions on your servers').alias('recordings');
  const list = leaf(recording, invocation, {
    usage: 'list [id]',
    aliases: ['ls'],
    summary: 'those of servers that are yours, the oldest first; administrators see all',
    examples: ['myserver recording list', 'myserver recording list 123 -f json'],
    more: 'A server is recorded when its owner wants it (myserver set 123 --record on), and where the administrator wants all\nof them. Who is recorded is told so at the beginning of the session.',
    isDefault: true,
  });
  addColumnOptions(list, columns);
  perform<RowOptions>(list, async (args, options) => {
    const id = optional(args[0]);
    const query = id === undefined ? {} : { server: parseServerId(id) };
    const answer = await invocation.client(options).call('listRecordings', { query }, { signal: invocation.context.signal });
    await invocation.rows(options, columns, answer.recordings);
  });
  registerShow(recording, invocation);
  const remove = leaf(recording, invocation, {
    usage: 'remove <names...>',
    aliases: ['rm'],
    summary: 'remove recordings before their time',
    examples: ['myserver recording remove 20261125T202249Z_1f0c9a2b_0b5e8f3a-6c1d-4e2f-9a7b-8c9d0e1f2a3b'],
  });
  perform<CommonOptions>(remove, async (args, options) => {
    const client = invocation.client(options);
    const names = listed(args[0]);
    for (const name of names) await client.call('removeRecording', { params: { name } }, { signal: invocation.context.signal });
    await invocation.result(options, { removed: names }, names.map((name) => `recording ${visible(name)} is removed\n`).join(''));
  });
};

const registerShow: Register = (recording, invocation) => {
  const show = leaf(recording, invocation, {
    usage: 'show <name>',
    aliases: ['cat'],
    summary: 'print a recording as asciicast v2, which asciinema plays',
    examples: [
      'myserver recording show 20261125T202249Z_1f0c9a2b_0b5e8f3a-6c1d-4e2f-9a7b-8c9d0e1f2a3b > class.cast',
      'asciinema play class.cast',
    ],
  });
  if (invocation.context.machine !== undefined) show.option('-o, --output <file>', 'write it into a file of this machine');
  perform<ShowOptions>(show, async (args, options) => {
    const name = required(args[0]);
    if (options.output === undefined) {
      for await (const piece of pieces(invocation, options, name)) invocation.say(piece);
      return;
    }
    const machine = invocation.machine('--output');
    const path = machine.absolutePath(options.output);
    let text = '';
    for await (const piece of pieces(invocation, options, name)) text += piece;
    await machine.writeText(path, text);
    await invocation.result(options, { path }, `the recording is in ${visible(path)}\n`);
  });
};

/** The file comes from the gateway: whatever of it a terminal could obey is escaped, which to JSON is the same. */
async function* pieces(invocation: Invocation, options: CommonOptions, name: string): AsyncGenerator<string> {
  const client = invocation.client(options);
  let from: number | null = 0;
  while (from !== null) {
    const piece: { readonly text: string; readonly next: number | null } = await client.call(
      'readRecording',
      { params: { name }, query: { from } },
      { signal: invocation.context.signal },
    );
    yield escapeHarmful(piece.text);
    from = piece.next;
  }
}
