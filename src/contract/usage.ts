/** What a server used. */
import { Type, type Static } from 'typebox';
import { bytes, nullable, time } from './schema-parts.ts';

export const UsagePointSchema = Type.Object(
  {
    at: time(),
    memoryBytes: bytes(),
    diskBytes: nullable(bytes()),
    cpus: nullable(Type.Number({ description: 'on average since the look before, in whole CPUs; null after a start' })),
    receivedBytesPerSecond: nullable(Type.Number()),
    sentBytesPerSecond: nullable(Type.Number()),
  },
  { $id: 'UsagePoint' },
);

export type UsagePointView = Static<typeof UsagePointSchema>;
