import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { makeCssRepair } from './css.ts';
import { makeHtmlRepair } from './html.ts';
import type { Repair } from './repair.ts';

const placed = { prefix: '/www/7', host: 'host.example' };
const html = (text: string, insert?: string) => whole(makeHtmlRepair({ ...placed, insert }), text);
const css = (text: string) => whole(makeCssRepair(placed), text);

function whole(repair: Repair, ...pieces: readonly string[]): string {
  return pieces.map((piece) => repair.write(piece)).join('') + repair.end();
}

/** Numbers that are the same each time (a linear congruential generator). */
function* numbers(seed: number): Generator<number, never> {
  for (let now = seed; ;) {
    now = (now * 1_103_515_245 + 12_345) % 2 ** 31;
    yield now;
  }
}

const page = `<!DOCTYPE html><!-- <a href="/comment"> --><html lang=en><head><title><a href="/title"></title>
<link rel=stylesheet href=/a.css><base href="/"><style>@import "/b.css"; a { background: url(/c.png) }</style>
<script>const x = '<a href="/script">' + "</scr" + 'ipt>';</script><script src='/d.js'></script>
<script type="module">import { a } from "/e.js"; import('/f.js'); const y = "/g";</script>
<script type=importmap>{ "imports": { "x": "/h.js", "/y/": "./y/" } }</script>
<meta http-equiv="refresh" content="3; url=/later"><meta name=x content="/no"></head>
<body style='background: url("/i.png")'><img srcset="/j.png 1x, /k.png 2x" src = "/l.png"alt="a>b"><a href="//other.example/m">
<form action="/n" method=post><input formaction=/o><textarea><a href="/p"></textarea></form>
<a href="https://host.example/q?r=/s#t">u</a><a href="/www/7/v">w</a><a href="relative"><a href="#x"><a href="javascript:y('/z')">
<svg><use xlink:href="/1.svg#a"/></svg><a hREf=/2>\u00E4\u00DF</a><video poster=/3 src="/4"></video><a title="/5" href='/6'>1 < 2 && <b>3</b></body></html>`;

const repaired = `<!DOCTYPE html><!-- <a href="/comment"> --><html lang=en><head><title><a href="/title"></title>
<link rel=stylesheet href=/www/7/a.css><base href="/www/7/"><style>@import "/www/7/b.css"; a { background: url(/www/7/c.png) }</style>
<script>const x = '<a href="/script">' + "</scr" + 'ipt>';</script><script src='/www/7/d.js'></script>
<script type="module">import { a } from "/www/7/e.js"; import('/www/7/f.js'); const y = "/g";</script>
<script type=importmap>{ "imports": { "x": "/www/7/h.js", "/y/": "./y/" } }</script>
<meta http-equiv="refresh" content="3; url=/www/7/later"><meta name=x content="/no"></head>
<body style='background: url("/www/7/i.png")'><img srcset="/www/7/j.png 1x, /www/7/k.png 2x" src = "/www/7/l.png"alt="a>b"><a href="//other.example/m">
<form action="/www/7/n" method=post><input formaction=/www/7/o><textarea><a href="/p"></textarea></form>
<a href="https://host.example/www/7/q?r=/s#t">u</a><a href="/www/7/v">w</a><a href="relative"><a href="#x"><a href="javascript:y('/z')">
<svg><use xlink:href="/www/7/1.svg#a"/></svg><a hREf=/www/7/2>\u00E4\u00DF</a><video poster=/www/7/3 src="/www/7/4"></video><a title="/5" href='/www/7/6'>1 < 2 && <b>3</b></body></html>`;

suite('repair of HTML', () => {
  test('addresses of a page get the prefix, and nothing else of it changes', () => {
    assert.equal(html(page), repaired);
    assert.equal(html(repaired), repaired);
  });

  test('however a page is cut into pieces, it is the same', () => {
    const random = numbers(7);
    for (let round = 0; round < 200; round += 1) {
      const repair = makeHtmlRepair({ ...placed, insert: undefined });
      let said = '';
      for (let at = 0; at < page.length;) {
        const length = 1 + (random.next().value % (round < 20 ? 3 : 200));
        said += repair.write(page.slice(at, at + length));
        at += length;
      }
      assert.equal(said + repair.end(), repaired);
    }
  });

  test('what is put in stands at the beginning of the head, else before the first tag, and once', () => {
    assert.equal(html('<!doctype html><html><head><title>', '!'), '<!doctype html><html><head>!<title>');
    assert.equal(html('<!doctype html><!-- a --><p>b<head>', '!'), '<!doctype html><!-- a -->!<p>b<head>');
    assert.equal(html('text only', '!'), 'text only');
  });

  test('broken markup goes through as it is', () => {
    for (const text of [
      '<',
      '<a',
      '<a href="/x',
      '<!',
      '<!-',
      '<!--',
      '</',
      '<a href=',
      '<a =x href>',
      '<1 href="/x">',
      '<a "b"=/x>',
      '<style>url(/x',
      '<script>',
    ])
      assert.equal(html(text).replaceAll('/www/7', ''), text);
    assert.equal(html('<a href=/x/>'), '<a href=/www/7/x/>');
    assert.equal(html('<a\u0000b href="/x">'), '<a\u0000b href="/www/7/x">');
  });

  test('attack: a page that never ends a tag, an attribute or a script is not kept whole, nor read over and over', () => {
    const hostile = [
      '<'.repeat(2 ** 20),
      `<a href="${'x>'.repeat(2 ** 19)}`,
      `<a ${'b="c" '.repeat(2 ** 17)}`,
      `<script type=module>${'a'.repeat(2 ** 20)}`,
      `<style>${'url('.repeat(2 ** 18)}`,
      `<!--${'-'.repeat(2 ** 20)}`,
    ];
    for (const text of hostile) {
      const repair = makeHtmlRepair({ ...placed, insert: undefined });
      let said = '';
      for (let at = 0; at < text.length; at += 997) {
        said += repair.write(text.slice(at, at + 997));
        assert.ok(at - said.length < 200_000, 'too much is kept');
      }
      assert.equal(said + repair.end(), text);
    }
  });
});

suite('repair of CSS', () => {
  const sheet = `@import '/a.css'; @import url(/b.css); a { b: url( "/c" ); d: url('/e'), url(f), url(data:x/y), url(//o.example/g) } /* "/h" */ i { content: "/j" } @charset "/k";`;
  const right = `@import '/www/7/a.css'; @import url(/www/7/b.css); a { b: url( "/www/7/c" ); d: url('/www/7/e'), url(f), url(data:x/y), url(//o.example/g) } /* "/h" */ i { content: "/j" } @charset "/k";`;

  test('addresses of a sheet get the prefix, however it is cut', () => {
    assert.equal(css(sheet), right);
    for (let at = 1; at < sheet.length; at += 1) assert.equal(whole(makeCssRepair(placed), sheet.slice(0, at), sheet.slice(at)), right);
    assert.equal(whole(makeCssRepair(placed), ...sheet.split('')), right);
  });
});
