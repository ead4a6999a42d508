import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseDomainName, proofName } from './domain-name.ts';

const ours = ['host.example', 'pages.example', 'www.pages.example'];

suite('names of the DNS', () => {
  test('a name is written one way', () => {
    assert.equal(parseDomainName(' WWW.Example.ORG. ', ours), 'www.example.org');
    assert.equal(parseDomainName('xn--mller-kva.de', ours), 'xn--mller-kva.de');
    assert.equal(proofName(parseDomainName('example.org', ours)), '_myserver-challenge.example.org');
  });

  test('what is no name, or nobody’s, is refused', () => {
    for (const text of [
      '',
      'example',
      '-a.example.org',
      'a-.example.org',
      'a..b',
      '192.0.2.1',
      'a b.org',
      '*.example.org',
      'müller.de',
      `${'a'.repeat(64)}.org`,
      'a.localhost',
      'x.local',
      'a.onion',
      'a/b.org',
      '_a.org',
    ])
      assert.throws(() => parseDomainName(text, ours), { code: 'bad-name' }, text);
  });

  test('attack: our own names, what is under them and what they are under are never given away', () => {
    for (const text of ['host.example', 'HOST.example.', '7.www.pages.example', 'a.host.example', 'www.pages.example', 'x.pages.example'])
      assert.throws(() => parseDomainName(text, ours), { code: 'bad-name' }, text);
    assert.throws(() => parseDomainName('uni.example', ['host.uni.example']), { code: 'bad-name' });
    assert.equal(parseDomainName('otherhost.example', ours), 'otherhost.example');
  });
});
