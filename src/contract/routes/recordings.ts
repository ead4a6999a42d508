/** Calls about recordings of terminal sessions. */
import { Type } from 'typebox';
import type { Route } from '../route.ts';
import * as s from '../schemas.ts';
import { listOf } from './parts.ts';

const recordingParams = Type.Object({ name: Type.String({ maxLength: 80 }) });

export const recordingRoutes = {
  listRecordings: {
    method: 'GET',
    path: '/recordings',
    name: 'listRecordings',
    tag: 'recordings',
    door: 'signed-in',
    status: 200,
    summary: "Recordings of terminal sessions on servers that are one's own; administrators all. The oldest first",
    query: Type.Object({ server: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })) }),
    response: listOf('recordings', s.RecordingSchema),
  },
  readRecording: {
    method: 'GET',
    path: '/recordings/:name',
    name: 'readRecording',
    tag: 'recordings',
    door: 'signed-in',
    status: 200,
    summary: 'A piece of a recording (asciicast v2): whole lines from that byte on',
    params: recordingParams,
    query: Type.Object({ from: Type.Optional(Type.Integer({ minimum: 0 })) }),
    response: Type.Object({
      text: Type.String(),
      next: Type.Union([Type.Integer(), Type.Null()], { description: 'the `from` of the next piece; null: this was the last' }),
    }),
  },
  removeRecording: {
    method: 'DELETE',
    path: '/recordings/:name',
    name: 'removeRecording',
    tag: 'recordings',
    door: 'signed-in',
    status: 204,
    summary: 'Remove a recording',
    params: recordingParams,
  },
} as const satisfies Record<string, Route>;
