import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { certificateFor } from './web-certificate.ts';
import { certificateNames, urlsOf, type WebOrigins } from './web-origins.ts';

const plain: WebOrigins = {
  publicHost: 'host.example',
  domain: undefined,
  ports: { http: 9080, https: undefined, content: undefined },
  isHttpsOnly: false,
};
const seven = { id: 7, door: 'www', policy: 'public' } as const;

suite("the web's origins", () => {
  test('people are told only addresses that answer', () => {
    assert.deepEqual(urlsOf(plain, seven), ['http://host.example:9080/www/7/']);
    assert.deepEqual(urlsOf({ ...plain, domain: 'Example.org', ports: { ...plain.ports, http: 80 } }, seven), [
      'http://host.example/www/7/',
      'http://7.www.example.org/',
    ]);
    assert.deepEqual(urlsOf({ ...plain, publicHost: '2001:db8::1' }, seven), ['http://[2001:db8::1]:9080/www/7/']);
    assert.deepEqual(urlsOf(plain, { ...seven, policy: 'off' }), []);
    assert.deepEqual(urlsOf(plain, { ...seven, policy: 'shared' }), []);
  });

  test('by HTTPS: a port of their own without a domain, names with one', () => {
    const ports = { http: 9080, https: 9443, content: 9444 };
    assert.deepEqual(urlsOf({ ...plain, ports }, seven), ['https://host.example:9444/www/7/', 'http://host.example:9080/www/7/']);
    assert.deepEqual(
      urlsOf({ ...plain, ports: { http: 80, https: 443, content: undefined }, domain: 'example.org', isHttpsOnly: true }, seven),
      ['https://www.example.org/www/7/', 'https://7.www.example.org/'],
    );
  });

  test('a certificate has every name that people use, once', () => {
    assert.deepEqual(certificateNames({ publicHost: 'Example.org', domain: 'example.org' }), [
      'example.org',
      'localhost',
      'www.example.org',
      '*.www.example.org',
      '*.usr.example.org',
    ]);
  });

  test('a visitor is shown the certificate of the name that they ask for, else the first', () => {
    const ours = { names: ['host.example', '*.www.example'] };
    const theirs = { names: ['5.www.example', 'own.example'] };
    const shown = (name: string | undefined) => certificateFor([ours, theirs], name);
    assert.equal(shown('7.WWW.example.'), ours);
    assert.equal(shown('5.www.example'), theirs);
    assert.equal(shown('a.5.www.example'), ours);
    assert.equal(shown(undefined), ours);
    assert.equal(certificateFor([], 'a'), undefined);
  });
});
