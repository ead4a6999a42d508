import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { makeScrollback } from './scrollback.ts';
import { makeModes } from './terminal-modes.ts';

suite('the scrollback of a terminal', () => {
  test('what fits is given back byte for byte, however it came', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40_000 }), { maxLength: 6 }), (pieces) => {
        const scrollback = makeScrollback();
        for (const piece of pieces) scrollback.add(Buffer.from(piece));
        assert.equal(scrollback.isCut, false);
        assert.deepEqual(scrollback.replay(), Buffer.concat(pieces));
      }),
      { numRuns: 50 },
    );
  });

  test('of more, the last is kept, from the beginning of a line, in bounded memory', () => {
    const scrollback = makeScrollback(64 * 1024);
    const lines = Array.from({ length: 20_000 }, (_none, at) => `line ${at} über alles\r\n`);
    for (const line of lines) scrollback.add(Buffer.from(line));
    const text = scrollback.replay().toString();
    assert.ok(scrollback.isCut && scrollback.bytes <= 64 * 1024 && text.length > 32 * 1024);
    assert.ok(lines.join('').endsWith(text) && text.startsWith('line '));
  });

  test('modes that were set before the cut are set again: full screen, mouse, bracketed paste', () => {
    const scrollback = makeScrollback(32 * 1024);
    scrollback.add(Buffer.from('\u{1B}[?1049h\u{1B}[?1000;1006h\u{1B}[?2004h\u{1B}[?25l\u{1B}='));
    scrollback.add(Buffer.from('x\n'.repeat(40_000)));
    const sets = ['[?1049h', '[?1000h', '[?1006h', '[?2004h', '[?25l', '='].map((set) => `\u{1B}${set}`).join('');
    assert.ok(scrollback.replay().toString().startsWith(`${sets}x\n`));
  });

  test('a sequence that is cut anywhere is read as if it were whole; one of another kind sets nothing', () => {
    const whole = Buffer.from('a\u{1B}[?2004h\u{1B}[31mb\u{1B}]0;title\u{7}\u{1B}[?7l\u{1B}[?1h\u{1B}[?1l');
    for (let at = 0; at <= whole.length; at += 1) {
      const modes = makeModes();
      modes.scan(whole.subarray(0, at));
      modes.scan(whole.subarray(at));
      assert.equal(modes.text(), '\u{1B}[?2004h\u{1B}[?7l', `cut at ${at}`);
    }
  });

  test('attack: endless sequences and endless modes take no memory', () => {
    const modes = makeModes();
    for (let at = 0; at < 10_000; at += 1) modes.scan(Buffer.from(`\u{1B}[?${at}h\u{1B}[${'1;'.repeat(100)}`));
    assert.ok(modes.text().length < 1000);
    modes.scan(Buffer.from('\u{1B}c'));
    assert.equal(modes.text(), '');
  });
});
