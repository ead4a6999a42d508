/** A text that is made right piece by piece. Bytes are taken as Latin-1: what is not ASCII goes through as it is, whatever the encoding over ASCII is. */
export interface Repair {
  /** What can be said so far; it may be less than came, by a bounded piece. */
  write(piece: string): string;
  end(): string;
}
