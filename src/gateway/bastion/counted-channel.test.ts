import assert from 'node:assert/strict';
import { Duplex, PassThrough, Readable, Writable } from 'node:stream';
import { suite, test } from 'node:test';
import { countChannel } from './counted-channel.ts';

function makeCounted() {
  const counts = { in: 0, out: 0 };
  const drain = () => new Writable({ write: (_chunk, _encoding, done) => done() });
  const stderr = drain();
  const channel = Object.assign(new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() }), { stderr });
  countChannel(channel, { in: (bytes) => void (counts.in += bytes), out: (bytes) => void (counts.out += bytes) });
  return { channel, counts };
}

suite('countChannel', () => {
  test('counts bytes, not characters, on both sides and the side of errors, and leaves the channel paused', () => {
    const { channel, counts } = makeCounted();
    channel.pause();
    channel.push(Buffer.from('müll'));
    channel.write('über');
    channel.stderr.write(Buffer.from('no'));
    assert.deepEqual(counts, { in: 5, out: 7 });
    assert.equal(channel.readableFlowing, false);
    assert.equal(channel.listenerCount('data'), 0);
    channel.push(null);
    assert.deepEqual(counts, { in: 5, out: 7 });
  });

  test('counts once what was typed ahead and put back', () => {
    const { channel, counts } = makeCounted();
    channel.push(Buffer.from('list\nexit\n'));
    const read = channel.read() as Buffer;
    channel.unshift(read.subarray(5));
    assert.equal(String(channel.read()), 'exit\n');
    assert.equal(counts.in, 10);
  });

  test('counts what is piped through it while somebody else has it', async () => {
    const { channel, counts } = makeCounted();
    const taken = new PassThrough();
    channel.pipe(taken);
    Readable.from([Buffer.alloc(100_000)]).pipe(channel, { end: false });
    channel.push(Buffer.alloc(3000));
    channel.push(null);
    assert.equal(
      (await taken.toArray()).reduce((sum: number, chunk: Buffer) => sum + chunk.length, 0),
      3000,
    );
    assert.deepEqual(counts, { in: 3000, out: 100_000 });
  });
});
