/** The OpenAPI 3.1 document, made from the very schemas that validate. */
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import type { TSchema } from 'typebox';
import { EventSchema, eventsPath } from '../contract/events.ts';
import { apiPrefix, type Route } from '../contract/route.ts';
import { routes } from '../contract/routes.ts';
import { ProblemSchema } from '../contract/schemas.ts';

export const openapiPath = `${apiPrefix}/openapi.json`;

const doors: Readonly<Record<Route['door'], string>> = {
  anybody: 'Needs no sign-in.',
  'signed-in': 'For whoever has signed in; what they may do is decided for each deed.',
  administrator: 'For administrators.',
  root: 'For root on the host, and in part for administrators.',
  gateway: 'For the gateway alone, over its own socket.',
};

export async function registerOpenapi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'myserver',
        version,
        description: 'Everything that myserver does. Sizes are bytes, times ISO 8601 in UTC, absent things null.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } as { name: string },
      },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'from POST /tokens' },
          password: { type: 'http', scheme: 'basic', description: 'person and password' },
        },
      },
    },
    // Schemas within schemas are named by their own $id: Server, Operation, ...
    refResolver: { buildLocalReference: (json, _base, _fragment, number) => (typeof json.$id === 'string' ? json.$id : `Part${number}`) },
    transformObject(made) {
      const document = 'openapiObject' in made ? made.openapiObject : made.swaggerObject;
      nameWholeSchemas(document as unknown as Document);
      return document;
    },
  });
}

interface Content {
  readonly content?: Readonly<Record<string, { schema: object }>>;
  description?: string;
}

interface Document {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly requestBody?: Content; readonly responses: Readonly<Record<string, Content>> }>>>
  >;
  readonly components: { readonly schemas: Record<string, object> };
}

/** The plugin names what is within a body or an answer, and writes a whole one out at each place: names those too, and says what an answer means. */
function nameWholeSchemas({ paths, components }: Document): void {
  const name = (at: Content | undefined, schema: TSchema | undefined) => {
    const id = schema !== undefined && '$id' in schema && typeof schema.$id === 'string' ? schema.$id : undefined;
    const media = Object.values(at?.content ?? {})[0];
    if (id === undefined || media === undefined) return;
    components.schemas[id] ??= media.schema;
    media.schema = { $ref: `#/components/schemas/${id}` };
  };
  for (const route of Object.values<Route>(routes)) {
    const operation = paths[apiPrefix + route.path.replaceAll(/:(\w+)/gu, '{$1}')]?.[route.method.toLowerCase()];
    if (operation === undefined) continue;
    const { [String(route.status)]: good, default: bad } = operation.responses;
    name(operation.requestBody, route.body);
    name(good, route.response);
    name(bad, ProblemSchema);
    if (good !== undefined) good.description = route.status === 202 ? 'It has begun; the operation tells how it goes on.' : 'Done.';
    if (bad !== undefined) bad.description = 'Refused or failed: the code is stable, the message is for people.';
  }
  name(paths[apiPrefix + eventsPath]?.['get']?.responses['200'], EventSchema);
}

/** The event stream is no call of the contract: it never ends. */
export const eventsDocument = {
  operationId: 'events',
  summary: 'What changes, as it changes, as server-sent events; resumes after Last-Event-ID',
  description: doors['signed-in'],
  tags: ['events'],
  security: [{ token: [] }, { password: [] }],
  response: { 200: { description: 'Goes on until one side ends it.', content: { 'text/event-stream': { schema: EventSchema } } } },
};

/** What a route says of itself in the document. */
export function documentOf(route: Route): Readonly<Record<string, unknown>> {
  return {
    operationId: route.name,
    summary: route.summary,
    description: doors[route.door],
    tags: [route.tag],
    security: route.door === 'anybody' ? [] : [{ token: [] }, { password: [] }],
    ...(route.params === undefined ? {} : { params: route.params }),
    ...(route.query === undefined ? {} : { querystring: route.query }),
    ...(route.body === undefined ? {} : { body: route.body }),
    ...(route.idempotent === true ? { headers: idempotencyHeader } : {}),
    response: {
      [route.status]: route.response ?? { type: 'null' },
      default: ProblemSchema,
    },
  };
}

const idempotencyHeader = {
  type: 'object',
  properties: {
    'idempotency-key': {
      type: 'string',
      maxLength: 200,
      description: 'The same key and body from the same person gives the first answer again, without its secrets.',
    },
  },
};
