/** Bodies are JSON in UTF-8 and nothing else: any other content type is what a page of a stranger could send without asking first. */
import type { FastifyInstance } from 'fastify';
import { fault } from '../core/errors.ts';

export function takeOnlyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    } catch {
      return done(fault('bad-request', 'the body is not valid UTF-8'));
    }
    void parse(request, text, (error, value: unknown) => {
      if (error === null) return done(null, value);
      done(fault('bad-request', 'the body is not valid JSON', { cause: error }));
    });
  });
}
