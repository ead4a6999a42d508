/** The OpenAPI 3.1 document, made from the very schemas that validate. */
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { apiPrefix, type Route } from '../contract/route.ts';
import { ProblemSchema } from '../contract/schemas.ts';

export const openapiPath = `${apiPrefix}/openapi.json`;

const doors: Readonly<Record<Route['door'], string>> = {
  anybody: 'Needs no sign-in.',
  'signed-in': 'For whoever has signed in; what they may do is decided for each deed.',
  administrator: 'For administrators.',
  root: 'For root on the host, and in part for administrators.',
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
    // Schemas are named by their own $id: Server, Operation, ...
    refResolver: { buildLocalReference: (json, _base, _fragment, number) => (typeof json.$id === 'string' ? json.$id : `Part${number}`) },
  });
}

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
      [route.status]: route.response ?? { type: 'null', description: 'Done.' },
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
