import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { csvCell, csvText } from './csv.ts';
import { jsonText, tableText, yamlText } from './format.ts';
import { cutTo, padTo, visible, widthOf } from './plain-text.ts';

/** Texts as an attacker would write them: escape sequences, C1 controls, bidirectional overrides, tags, lone surrogates among ordinary ones. */
const nasty = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\u001B[2J', '\u009B31m', '\u202E', '\u{E0041}', '\uD800', '\r\n', '=1+1', '日本', 'e\u0301', '👩‍👩‍👧'),
    ),
  )
  .map((parts) => parts.join(''));

test('visible leaves nothing that a terminal obeys, on one line', () => {
  fc.assert(
    fc.property(nasty, (text) => {
      assert.doesNotMatch(visible(text).replaceAll(/[\u200C\u200D]/gu, ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    }),
  );
});

test('visible keeps words that need a joiner', () => {
  assert.equal(visible('می‌خواهم 👩‍👩‍👧'), 'می‌خواهم 👩‍👩‍👧');
});

test('jsonText gives the same value back and nothing that a terminal obeys', () => {
  fc.assert(
    fc.property(nasty, (text) => {
      const json = jsonText({ notes: text });
      assert.deepEqual(JSON.parse(json), { notes: text });
      assert.doesNotMatch(json.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
    }),
  );
});

test('yamlText gives the same value back and nothing that a terminal obeys', async () => {
  const { parse } = await import('yaml');
  await fc.assert(
    fc.asyncProperty(nasty, async (text) => {
      // A lone surrogate is no text in YAML.
      const whole = text.toWellFormed();
      const yaml = await yamlText([{ notes: whole }]);
      assert.deepEqual(parse(yaml, { version: '1.1' }), [{ notes: whole }]);
      assert.doesNotMatch(yaml.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
    }),
  );
});

test('widthOf counts wide characters as two and combining marks as none', () => {
  assert.deepEqual(
    ['abc', '日本', 'é', 'e\u0301', '👩‍👩‍👧', '｡', '한'].map((text) => widthOf(text)),
    [3, 4, 1, 1, 2, 1, 2],
  );
});

test('cutTo never takes more cells than it may, padTo never fewer', () => {
  fc.assert(
    fc.property(
      nasty.map((text) => visible(text)),
      fc.integer({ min: 1, max: 40 }),
      (text, cells) => {
        assert.ok(widthOf(cutTo(text, cells)) <= cells);
        assert.ok(widthOf(padTo(text, cells)) >= cells);
      },
    ),
  );
});

test('tableText keeps its columns straight under wide characters', () => {
  const columns = [
    { name: 'a', cell: (row: readonly string[]) => row[0] ?? '' },
    { name: 'b', cell: (row: readonly string[]) => row[1] ?? '' },
  ];
  const text = tableText(
    columns,
    [
      ['日本語', 'x'],
      ['abc', 'y'],
    ],
    { header: true, colour: false, columns: undefined },
  );
  assert.equal(text, 'A       B\n日本語  x\nabc     y\n');
});

test('csvCell disarms what a spreadsheet would run as a formula, and leaves numbers', () => {
  assert.deepEqual(
    ['=1', '+1', '-1', '@x', '\t=1', '＝1', 'a=1', -1, null, true].map((cell) => csvCell(cell)),
    [`"'=1"`, `"'+1"`, `"'-1"`, `"'@x"`, `"' =1"`, `"'＝1"`, 'a=1', '-1', '', 'true'],
  );
});

test('csvText is read back by the rules of RFC 4180', () => {
  const cell = nasty.map((text) => visible(text)).filter((text) => !/^[=+\-@＝＋－＠]/u.test(text));
  fc.assert(
    fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 2 }), { minLength: 1, maxLength: 5 }), (rows) => {
      assert.deepEqual(parseCsv(csvText(rows)), rows);
    }),
  );
});

/** The grammar of RFC 4180, nothing more. */
function parseCsv(text: string): string[][] {
  const lines = text.split('\r\n').slice(0, -1);
  return lines.map((line) =>
    [...`,${line}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^",]*))/gu)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? ''),
  );
}
