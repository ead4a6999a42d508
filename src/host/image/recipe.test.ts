import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { buildableSystems, buildableTypes, recipeOf, systemOfCodename } from './recipe.ts';
import { parseSystemName } from '../../core/names.ts';
import { metadataText } from './metadata.ts';

suite('recipeOf', () => {
  test('recipeOf gives every system in every type, each beginning with minimal and with a version of its own', () => {
    const recipes = buildableSystems().flatMap(({ name }) => buildableTypes().map((type) => recipeOf(name, type)));
    assert.equal(new Set(recipes.map(({ version }) => version)).size, recipes.length);
    for (const { system, type, layers, version } of recipes) {
      assert.equal(layers[0]?.name, 'minimal');
      assert.match(version, /^[\da-f]{16}$/u);
      assert.deepEqual([parseSystemName(system.name), parseSystemName(type)], [system.name, type]);
    }
  });

  test('recipeOf gives the same version for the same recipe', () => {
    assert.equal(recipeOf('debian12', 'web').version, recipeOf('debian12', 'web').version);
  });

  test('recipeOf names what there is when asked for what is not', () => {
    assert.throws(() => recipeOf('debian11', 'minimal'), { code: 'no-such-image', message: /debian12/u });
    assert.throws(() => recipeOf('debian12', 'toString'), { code: 'no-such-image', message: /minimal, web/u });
  });

  test('systemOfCodename knows the host’s release by the name in os-release', () => {
    assert.equal(systemOfCodename('bookworm')?.name, 'debian12');
    assert.equal(systemOfCodename('sid'), undefined);
  });
});

suite('metadataText', () => {
  test('metadataText says what Incus requires and which recipe it was', () => {
    const recipe = recipeOf('debian12', 'minimal');
    const metadata = JSON.parse(metadataText(recipe, 'amd64', Date.UTC(2026, 10, 22))) as Record<string, unknown>;
    assert.equal(metadata['architecture'], 'x86_64');
    assert.equal(metadata['creation_date'], Date.UTC(2026, 10, 22) / 1000);
    const properties = metadata['properties'] as Record<string, string>;
    assert.deepEqual([properties['myserver.recipe'], properties['serial']], [recipe.version, '20261122_000000']);
  });
});
