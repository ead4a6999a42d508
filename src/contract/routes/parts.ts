/** Parts that calls of several resources share. */
import { Type, type TSchema } from 'typebox';
import { OperationSchema } from '../schemas.ts';

export const idParams = Type.Object({ id: Type.Integer({ minimum: 0, maximum: 65_535 }) });
export const nameParams = Type.Object({ name: Type.String({ maxLength: 64 }) });
export const textIdParams = Type.Object({ id: Type.String({ maxLength: 200 }) });
export const memberParams = Type.Object({ name: Type.String({ maxLength: 64 }), person: Type.String({ maxLength: 64 }) });
export const imageParams = Type.Object({ system: Type.String({ maxLength: 40 }), type: Type.String({ maxLength: 40 }) });

export function optionalText(maxLength: number) {
  return Type.Optional(Type.String({ maxLength }));
}

/** `{ [key]: item[] }`: lists are always objects, so that a field can be added beside them. */
export function listOf<const K extends string, T extends TSchema>(key: K, item: T) {
  return Type.Object({ [key]: Type.Array(item) } as { [P in K]: ReturnType<typeof Type.Array<T>> });
}

export const oneOperation = Type.Object({ operation: OperationSchema });
