/** What schemas of the wire are made of. */
import { Type, type TSchema } from 'typebox';

export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const text = (maxLength: number, description?: string) =>
  Type.String({ maxLength, ...(description === undefined ? {} : { description }) });
export const time = () => Type.String({ description: 'ISO 8601, UTC' });
export const bytes = () => Type.Integer({ minimum: 0, description: 'bytes' });
export const literals = <const T extends readonly string[]>(...values: T) => Type.Unsafe<T[number]>({ type: 'string', enum: [...values] });
