import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { inwardHead, outwardCookie, outwardHead, type Passage } from './heads.ts';

const passage: Passage = {
  prefix: '/www/7',
  host: 'host.example',
  clientAddress: '2001:db8::1',
  proto: 'https',
  port: 443,
  visitor: undefined,
};

suite('heads on their way through', () => {
  test('an IPv6 client is written as RFC 7239 wants it', () => {
    const head = inwardHead([], passage);
    assert.equal(head[head.indexOf('Forwarded') + 1], 'for="[2001:db8::1]";proto=https');
  });

  test('addresses: those of this host get the prefix once, those of others stay', () => {
    const location = (value: string) => outwardHead(['Location', value], passage)[1];
    const wanted = {
      '/': '/www/7/',
      '/a?b#c': '/www/7/a?b#c',
      '/www/7/a': '/www/7/a',
      '/www/70/': '/www/7/www/70/',
      'http://host.example': 'http://host.example/www/7/',
      'https://HOST.example/a': 'https://HOST.example/www/7/a',
      '//host.example/a': '//host.example/www/7/a',
      '//other.example/a': '//other.example/a',
      'http://host.example:81/a': 'http://host.example:81/a',
      'http://host.example.evil/a': 'http://host.example.evil/a',
      '/\\evil.example': '/\\evil.example',
      relative: 'relative',
      '?q': '?q',
      '': '',
      'mailto:a@b': 'mailto:a@b',
    };
    for (const [value, expected] of Object.entries(wanted)) assert.equal(location(value), expected, value);
  });

  test('Refresh keeps its time and its quotes', () => {
    const refresh = (value: string) => outwardHead(['Refresh', value], passage)[1];
    assert.equal(refresh('3'), '3');
    assert.equal(refresh(`0; URL='/a'`), `0; URL='/www/7/a'`);
    assert.equal(refresh('0;url=b'), '0;url=b');
  });

  test('a cookie’s path is put below the prefix, its domain taken out, and the rest kept word for word', () => {
    assert.equal(outwardCookie('a=b; Path=/x; Secure; SameSite=None', '/www/7'), 'a=b; Secure; SameSite=None; Path=/www/7/x');
    assert.equal(
      outwardCookie('a="b c"; expires=Wed, 21 Oct 2026 07:28:00 GMT', '/www/7'),
      'a="b c"; expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/www/7/',
    );
    assert.equal(outwardCookie('a=b; path=/one; PATH=/two', '/www/7'), 'a=b; Path=/www/7/two');
    assert.equal(outwardCookie('a=b; path=/www/7/x', '/www/7'), 'a=b; Path=/www/7/x');
    assert.equal(outwardCookie('a=b; Path=/; DOMAIN = .example.org', ''), 'a=b; Path=/');
    assert.equal(outwardCookie('__Secure-a=b; Secure', '/www/7'), '__Secure-a=b; Secure; Path=/www/7/');
    assert.equal(outwardCookie(' __host-myserver =x', ''), undefined);
  });

  test('doubled fields keep their order', () => {
    assert.deepEqual(outwardHead(['X-A', '1', 'x-b', '2', 'X-A', '3'], passage), ['X-A', '1', 'x-b', '2', 'X-A', '3']);
  });
});
