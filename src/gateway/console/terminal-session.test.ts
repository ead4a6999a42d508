import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite, test } from 'node:test';
import type { FromTerminal, WatchMode } from '../../contract/terminal.ts';
import { type Attachment, makeTerminalSession, type TerminalSize } from './terminal-session.ts';

const usual: TerminalSize = { columns: 80, rows: 24 };

function makeRoom(forsakenMs = 60_000) {
  const happened: string[] = [];
  const session = makeTerminalSession({
    size: usual,
    forsakenMs,
    onForsaken: () => happened.push('forsaken'),
    onResize: ({ columns, rows }) => happened.push(`recorded ${columns}x${rows}`),
    program: {
      write: (data) => Boolean(happened.push(`typed ${data.toString()}`)),
      resize: ({ columns, rows }) => void happened.push(`${columns}x${rows}`),
      pause: () => void happened.push('pause'),
      resume: () => void happened.push('resume'),
      end: () => void happened.push('end'),
    },
  });
  return { session, happened };
}

function look(session: ReturnType<typeof makeRoom>['session'], mode: WatchMode = 'type', size = usual) {
  const told: FromTerminal[] = [];
  const pieces: Buffer[] = [];
  const view = {
    mode,
    output: (data: Buffer) => void pieces.push(data),
    tell: (message: FromTerminal) => void told.push(message),
    close: () => {},
  };
  const attachment: Attachment = session.attach(view, size);
  return {
    attachment,
    told,
    text: () => Buffer.concat(pieces).toString(),
    bytes: () => pieces.reduce((sum, { length }) => sum + length, 0),
  };
}

suite('a terminal that several look at', () => {
  test('whoever comes later sees what was shown before, and all see what comes', () => {
    const { session } = makeRoom();
    const first = look(session);
    session.output(Buffer.from('one '));
    const second = look(session);
    session.output(Buffer.from('two'));
    assert.deepEqual([first.text(), second.text()], ['one two', 'one two']);
    assert.deepEqual(first.told.at(-1), { kind: 'viewers', count: 2 });
  });

  test('attack: who only watches neither types nor decides how large it is', () => {
    const { session, happened } = makeRoom();
    const watcher = look(session, 'watch', { columns: 10, rows: 5 });
    watcher.attachment.input(Buffer.from('rm'));
    watcher.attachment.resize({ columns: 11, rows: 6 });
    assert.deepEqual(happened, []);
    assert.deepEqual(watcher.told[0], { kind: 'resized', ...usual });
    look(session).attachment.input(Buffer.from('ls'));
    assert.deepEqual(happened, ['typed ls']);
  });

  test('the last one to say so decides how large it is, and the others are told', () => {
    const { session, happened } = makeRoom();
    const first = look(session);
    look(session, 'type', { columns: 100, rows: 30 });
    assert.deepEqual(happened, ['100x30', 'recorded 100x30']);
    assert.deepEqual(
      first.told.filter(({ kind }) => kind === 'resized'),
      [{ kind: 'resized', columns: 100, rows: 30 }],
    );
  });

  test('the server waits for a view that is behind, and goes on when it has caught up or gone', () => {
    const { session, happened } = makeRoom();
    const { attachment } = look(session);
    session.output(Buffer.alloc(400 * 1024, 'x'));
    assert.deepEqual(happened, ['pause']);
    attachment.shown(390 * 1024);
    assert.deepEqual(happened, ['pause', 'resume']);
    session.output(Buffer.alloc(400 * 1024, 'y'));
    attachment.detach();
    assert.deepEqual(happened, ['pause', 'resume', 'pause', 'resume']);
  });

  test('a slow one holds up nobody: it is shown the last of it anew when it comes back', () => {
    const { session, happened } = makeRoom();
    const [fast, slow] = [look(session), look(session, 'watch')];
    for (let at = 0; at < 40; at += 1) {
      session.output(Buffer.from(`${String(at).padStart(5)}${'z'.repeat(100 * 1024)}\n`));
      fast.attachment.shown(fast.bytes());
    }
    assert.deepEqual(happened, [], 'the fast one never waited');
    assert.ok(slow.bytes() < 3 * 2 ** 20, 'and the slow one was not given all');
    slow.attachment.shown(slow.bytes());
    assert.ok(slow.told.some(({ kind }) => kind === 'again'));
    assert.ok(slow.text().includes('   39zzz'));
  });

  test('attack: a view that claims to have shown what it was not given is not believed', () => {
    const { session, happened } = makeRoom();
    const { attachment } = look(session);
    attachment.shown(1e12);
    session.output(Buffer.alloc(400 * 1024, 'x'));
    assert.deepEqual(happened, ['pause']);
  });

  test('nobody looks for a while: it is told once, and not while somebody does', async () => {
    const { session, happened } = makeRoom(20);
    const { attachment } = look(session);
    await sleep(60);
    assert.deepEqual(happened, []);
    attachment.detach();
    await sleep(60);
    assert.deepEqual(happened, ['forsaken']);
    session.over('because');
    session.over('twice');
  });

  test('at its end everybody is told why', () => {
    const { session } = makeRoom();
    const { told } = look(session, 'watch');
    session.over('exit 0');
    assert.deepEqual(told.at(-1), { kind: 'over', reason: 'exit 0' });
  });
});
