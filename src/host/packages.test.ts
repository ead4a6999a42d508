import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { backportsSource, firstIndex, hasCandidate, parseRelease } from './packages.ts';

suite('packages', () => {
  test('hasCandidate tells a package that apt could install from one it only knows by name', () => {
    assert.equal(hasCandidate('incus-base:\n  Installed: (none)\n  Candidate: 6.0.4-2~bpo12+1\n'), true);
    assert.equal(hasCandidate('incus-base:\n  Installed: (none)\n  Candidate: (none)\n'), false);
    assert.equal(hasCandidate(''), false);
  });

  test('backportsSource takes place and keyring from what apt uses already', () => {
    const text = backportsSource('http://mirror.test/debian/', 'bookworm-backports', '/etc/apt/keyrings/own.gpg');
    assert.match(
      text,
      /^URIs: http:\/\/mirror\.test\/debian\/\nSuites: bookworm-backports\nComponents: main\nSigned-By: \/etc\/apt\/keyrings\/own\.gpg$/mu,
    );
    assert.doesNotMatch(backportsSource('http://mirror.test/debian/', 'bookworm-backports', ''), /Signed-By/u);
  });

  test('firstIndex takes a variable that this apt does not know for no value', () => {
    assert.deepEqual(firstIndex('http://mirror.test/debian/\t$(SIGNED_BY)\n'), { uri: 'http://mirror.test/debian/', signedBy: '' });
    assert.deepEqual(firstIndex('http://mirror.test/debian/\t/etc/own.gpg\nmore\tx\n'), {
      uri: 'http://mirror.test/debian/',
      signedBy: '/etc/own.gpg',
    });
    assert.deepEqual(firstIndex(''), { uri: '', signedBy: '' });
  });

  test('parseRelease reads values with and without quotes', () => {
    const text = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\nID_LIKE=other\n';
    assert.deepEqual(parseRelease(text), { id: 'debian', version: '12', codename: 'bookworm', name: 'Debian GNU/Linux 12 (bookworm)' });
    assert.deepEqual(parseRelease(''), { id: '', version: '', codename: '', name: '' });
  });
});
