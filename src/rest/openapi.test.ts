import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Compile } from 'typebox/compile';
import { apiPrefix, type Route } from '../contract/route.ts';
import { routes } from '../contract/routes.ts';
import { makeApiRoom } from './api-room.testing.ts';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean; readonly schema: object }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
  readonly security: readonly object[];
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

async function readDocument(): Promise<Document> {
  await using world = await makeApiRoom();
  const [local, root] = [await world.call('/api/v1/openapi.json'), await world.asRoot('/api/v1/openapi.json')];
  assert.equal(local.text, root.text);
  return local.json<Document>();
}

function* objectsIn(value: unknown): Generator<Readonly<Record<string, unknown>>> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value as Readonly<Record<string, unknown>>;
  for (const part of Object.values(value)) yield* objectsIn(part);
}

suite('openapi', () => {
  test('openapi.json has every route with its parameters, body, answers and doors, and none more but the event stream', async () => {
    const document = await readDocument();
    assert.equal(document.openapi, '3.1.0');
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    assert.deepEqual(operations.map(({ operationId }) => operationId).toSorted(), [...Object.keys(routes), 'events'].toSorted());
    for (const route of Object.values<Route>(routes)) {
      const path = apiPrefix + route.path.replaceAll(/:(\w+)/gu, '{$1}');
      const operation = document.paths[path]?.[route.method.toLowerCase()];
      assert.ok(operation, `${route.method} ${path}`);
      assert.equal(operation.operationId, route.name);
      assert.equal(operation.summary, route.summary);
      assert.equal(operation.security.length === 0, route.door === 'anybody', route.name);
      const inPath = operation.parameters?.filter((parameter) => parameter.in === 'path') ?? [];
      const named = Array.from(route.path.matchAll(/:(\w+)/gu), ([, name]) => name ?? '');
      assert.deepEqual(inPath.map(({ name }) => name).toSorted(), named.toSorted(), route.name);
      assert.ok(inPath.every(({ required }) => required));
      const query = route.query !== undefined && 'properties' in route.query ? Object.keys(route.query.properties as object) : [];
      const inQuery = operation.parameters?.filter((parameter) => parameter.in === 'query').map(({ name }) => name) ?? [];
      assert.deepEqual(inQuery.toSorted(), query.toSorted(), route.name);
      assert.equal(operation.requestBody !== undefined, route.body !== undefined, route.name);
      assert.deepEqual(Object.keys(operation.responses).toSorted(), [String(route.status), 'default']);
      assert.equal(operation.responses[route.status]?.content !== undefined, route.response !== undefined, route.name);
      assert.deepEqual(operation.responses['default']?.content?.['application/json']?.schema, { $ref: '#/components/schemas/Problem' });
    }
    const header = document.paths['/api/v1/servers']?.['post']?.parameters?.find((parameter) => parameter.in === 'header');
    assert.equal(header?.name, 'idempotency-key');
  });

  test('openapi.json names its schemas, and every reference leads to one that compiles', async () => {
    const document = await readDocument();
    const names = Object.keys(document.components.schemas);
    for (const name of ['Server', 'ServerDetail', 'CreateServers', 'CreatedServers', 'Operation', 'Person', 'Plan', 'Problem', 'Event'])
      assert.ok(names.includes(name), name);
    assert.ok(
      names.every((name) => /^[A-Z][A-Za-z]+$/u.test(name)),
      names.join(' '),
    );
    let references = 0;
    for (const part of objectsIn(document)) {
      const reference = part['$ref'];
      assert.ok(!('$id' in part));
      if (typeof reference !== 'string') continue;
      references += 1;
      assert.ok(
        reference.startsWith('#/components/schemas/') && names.includes(reference.slice('#/components/schemas/'.length)),
        reference,
      );
    }
    assert.ok(references > 50);
    for (const schema of Object.values(document.components.schemas)) {
      const text = JSON.stringify(schema).replaceAll(/\{"\$ref":"[^"]*"\}/gu, '{}');
      assert.doesNotThrow(() => Compile(JSON.parse(text) as object));
    }
  });
});
