import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  type AccessFacts,
  type Actor,
  allows,
  deeds,
  type Grant,
  type GrantSubject,
  type GrantTarget,
  type HouseDeed,
  mayInHouse,
  mayLead,
  parseRight,
  type PersonActor,
  type Right,
  rightOf,
  rights,
} from './access.ts';
import { parseGeneration, parseServerId } from './ids.ts';
import { parseGroupName, parsePersonName } from './names.ts';

const alice = parsePersonName('alice');
const bob = parsePersonName('bob');
const [course, lab, club] = [parseGroupName('course'), parseGroupName('lab'), parseGroupName('club')];
const generation = parseGeneration('00000000-0000-4000-8000-000000000001');
const earlier = parseGeneration('00000000-0000-4000-8000-000000000002');
/** Owned by alice, who is a member of `course`. */
const server = { id: parseServerId(123), generation, owner: alice };
const nowMs = 1_000_000;

function person(name: string, more: Partial<PersonActor> = {}): PersonActor {
  return { kind: 'person', name: parsePersonName(name), role: 'user', canCreate: true, disabled: false, groups: [], ...more };
}

const toBob: GrantSubject = { kind: 'person', name: bob };
const toLab: GrantSubject = { kind: 'group', name: lab };
const toClub: GrantSubject = { kind: 'group', name: club };
const onServer: GrantTarget = { kind: 'server', generation };
const onCourse: GrantTarget = { kind: 'group', name: course };
const onAll: GrantTarget = { kind: 'all' };

function grant(subject: GrantSubject, target: GrantTarget, right: Right, expiresMs?: number): Grant {
  return { subject, target, right, expiresMs };
}

function facts(...grants: readonly Grant[]): AccessFacts {
  return { grants, memberships: [{ group: course, person: alice, isLeader: false }], nowMs };
}

/** bob, in lab and club. */
const member = person('bob', {
  groups: [
    { group: lab, isLeader: false },
    { group: club, isLeader: false },
  ],
});

suite('allows', () => {
  const ladder: Readonly<Record<Right, string>> = {
    none: '',
    list: 'list',
    read: 'list info visit operations',
    write: 'list info visit operations enter notes',
    control: 'list info visit operations enter notes start stop kill restart set password',
    all: 'list info visit operations enter notes start stop kill restart set password drop share',
  };
  for (const right of rights) {
    for (const deed of deeds) {
      const expected = ladder[right].split(' ').includes(deed);
      test(`allows ${expected ? 'lets' : 'does not let'} the right "${right}" ${deed}`, () => {
        assert.equal(allows(right, deed), expected);
      });
    }
  }
});

suite('rightOf', () => {
  const cases: readonly (readonly [string, Actor, readonly Grant[], Right])[] = [
    ['root has all', { kind: 'root' }, [], 'all'],
    ['the owner has all', person('alice'), [], 'all'],
    ['an owner keeps all whatever was granted to them', person('alice'), [grant({ kind: 'person', name: alice }, onServer, 'none')], 'all'],
    ['an owner who is disabled has nothing', person('alice', { disabled: true }), [], 'none'],
    ['an administrator has all', person('bob', { role: 'administrator' }), [], 'all'],
    ['an administrator who is disabled has nothing', person('bob', { role: 'administrator', disabled: true }), [], 'none'],
    ['a stranger has nothing', person('bob'), [], 'none'],
    ['staff read everything', person('bob', { role: 'staff' }), [], 'read'],
    [
      'staff control the servers of members they lead',
      person('bob', { role: 'staff', groups: [{ group: course, isLeader: true }] }),
      [],
      'control',
    ],
    [
      'staff only read where they are a member and do not lead',
      person('bob', { role: 'staff', groups: [{ group: course, isLeader: false }] }),
      [],
      'read',
    ],
    [
      'staff only read where the owner is not in the group they lead',
      person('bob', { role: 'staff', groups: [{ group: lab, isLeader: true }] }),
      [],
      'read',
    ],
    ['a leader who is not staff has nothing by that', person('bob', { groups: [{ group: course, isLeader: true }] }), [], 'none'],
    ['staff keep read where a grant gives less', person('bob', { role: 'staff' }), [grant(toBob, onServer, 'none')], 'read'],
    ['staff have more where a grant gives more', person('bob', { role: 'staff' }), [grant(toBob, onServer, 'all')], 'all'],
    ['a grant on the server counts', person('bob'), [grant(toBob, onServer, 'write')], 'write'],
    [
      'a grant on another generation of the same ID counts for nothing',
      person('bob'),
      [grant(toBob, { kind: 'server', generation: earlier }, 'all')],
      'none',
    ],
    ["a grant on the owner's group counts", person('bob'), [grant(toBob, onCourse, 'list')], 'list'],
    [
      'a grant on a group the owner is not in counts for nothing',
      person('bob'),
      [grant(toBob, { kind: 'group', name: lab }, 'all')],
      'none',
    ],
    ['a grant on all counts', person('bob'), [grant(toBob, onAll, 'control')], 'control'],
    ['a grant to somebody else counts for nothing', person('carol'), [grant(toBob, onAll, 'all')], 'none'],
    ['a grant to a group counts for its members', member, [grant(toLab, onServer, 'write')], 'write'],
    ['a grant to a group counts for nobody else', person('bob'), [grant(toLab, onServer, 'write')], 'none'],
    [
      '"none" to the person shuts out what the group was given',
      member,
      [grant(toLab, onServer, 'all'), grant(toBob, onServer, 'none')],
      'none',
    ],
    [
      '"none" to the person on all shuts out what the group was given on the server',
      member,
      [grant(toLab, onServer, 'all'), grant(toBob, onAll, 'none')],
      'none',
    ],
    [
      'a grant on the server goes before one on a group',
      person('bob'),
      [grant(toBob, onCourse, 'all'), grant(toBob, onServer, 'list')],
      'list',
    ],
    ['a grant on a group goes before one on all', person('bob'), [grant(toBob, onCourse, 'read'), grant(toBob, onAll, 'all')], 'read'],
    ['of two groups the higher grant holds', member, [grant(toLab, onServer, 'list'), grant(toClub, onServer, 'write')], 'write'],
    [
      'of two groups the higher grant holds, in either order',
      member,
      [grant(toClub, onServer, 'write'), grant(toLab, onServer, 'list')],
      'write',
    ],
    ['a grant that has expired counts for nothing', person('bob'), [grant(toBob, onServer, 'all', nowMs)], 'none'],
    ['an expired "none" no longer shuts out', member, [grant(toLab, onServer, 'read'), grant(toBob, onServer, 'none', nowMs - 1)], 'read'],
    ['a grant counts until it expires', person('bob'), [grant(toBob, onServer, 'all', nowMs + 1)], 'all'],
    ['a disabled person has nothing by grants', person('bob', { disabled: true }), [grant(toBob, onAll, 'all')], 'none'],
  ];
  for (const [title, actor, grants, expected] of cases) {
    test(`rightOf: ${title}`, () => {
      assert.equal(rightOf(actor, server, facts(...grants)), expected);
    });
  }

  for (const right of rights) {
    test(`rightOf gives exactly "${right}" when that is granted`, () => {
      const given = facts(grant(toBob, onServer, right));
      assert.equal(rightOf(person('bob'), server, given), right);
    });
  }

  test('rightOf does not depend on the order of grants, and one more grant to somebody else changes nothing', () => {
    const subject = fc.constantFrom(toBob, toLab, toClub);
    const target = fc.constantFrom(onServer, onCourse, onAll, { kind: 'server', generation: earlier } as const);
    const any = fc.record({
      subject,
      target,
      right: fc.constantFrom(...rights),
      expiresMs: fc.constantFrom(undefined, nowMs - 1, nowMs + 1),
    });
    const twice = fc
      .array(any, { maxLength: 8 })
      .chain((grants) => fc.tuple(fc.constant(grants), fc.shuffledSubarray(grants, { minLength: grants.length })));
    fc.assert(
      fc.property(twice, ([grants, shuffled]) => {
        const right = rightOf(member, server, facts(...grants));
        assert.equal(rightOf(member, server, facts(...shuffled)), right);
        assert.equal(rightOf(member, server, facts(...grants, grant({ kind: 'person', name: alice }, onServer, 'all'))), right);
      }),
    );
  });
});

suite('mayInHouse', () => {
  const allowed: readonly (readonly [string, Actor, readonly HouseDeed[]])[] = [
    ['a user with the right to create', person('bob'), ['create']],
    ['a user without it', person('bob', { canCreate: false }), []],
    ['staff', person('bob', { role: 'staff' }), ['create', 'create-for-others', 'see-people']],
    ['staff without the right to create', person('bob', { role: 'staff', canCreate: false }), ['see-people']],
    ['a disabled administrator', person('bob', { role: 'administrator', disabled: true }), []],
    [
      'root',
      { kind: 'root' },
      ['create', 'create-for-others', 'see-people', 'manage-people', 'manage-groups', 'manage-images', 'see-audit', 'mend'],
    ],
    [
      'an administrator',
      person('bob', { role: 'administrator', canCreate: false }),
      ['create', 'create-for-others', 'see-people', 'manage-people', 'manage-groups', 'manage-images', 'see-audit', 'mend'],
    ],
  ];
  const all: readonly HouseDeed[] = [
    'create',
    'create-for-others',
    'see-people',
    'manage-people',
    'manage-groups',
    'manage-images',
    'see-audit',
    'mend',
  ];
  for (const [who, actor, expected] of allowed) {
    test(`mayInHouse lets ${who} do ${expected.join(', ') || 'nothing'}, and nothing else`, () => {
      assert.deepEqual(
        all.filter((deed) => mayInHouse(actor, deed)),
        expected,
      );
    });
  }
});

suite('mayLead', () => {
  test('mayLead lets leaders, administrators and root, and neither members nor the disabled', () => {
    const leads = (isLeader: boolean, disabled = false) => person('bob', { disabled, groups: [{ group: course, isLeader }] });
    assert.ok(mayLead(leads(true), course));
    assert.ok(mayLead(person('bob', { role: 'administrator' }), course));
    assert.ok(mayLead({ kind: 'root' }, course));
    assert.ok(!mayLead(leads(false), course));
    assert.ok(!mayLead(leads(true), lab));
    assert.ok(!mayLead(leads(true, true), course));
    assert.ok(!mayLead(person('bob', { role: 'staff' }), course));
  });
});

suite('parseRight', () => {
  test('parseRight takes its words and nothing else', () => {
    for (const right of rights) assert.equal(parseRight(right), right);
    for (const text of ['', 'ALL', 'all ', 'owner', 'toString']) assert.throws(() => parseRight(text), { code: 'bad-request' });
  });
});
