import { createHash } from 'node:crypto';
import type { WebLink } from '../../store/web.ts';

export function linkSubject({ id }: Pick<WebLink, 'id'>): string {
  return `link:${id}`;
}

/** A link never changes: its stamp is there as long as it is. */
export function linkStamp({ id, createdMs }: Pick<WebLink, 'id' | 'createdMs'>): string {
  return createHash('sha256').update(`${id}\n${createdMs}`).digest('base64url').slice(0, 22);
}

export function linkKeyHash(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
