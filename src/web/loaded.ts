/** What a page asks for when it is shown, and deeds with a sentence at their end. */
import { useEffect, useState } from 'preact/hooks';
import { sentenceOf } from './faults.ts';
import { tell } from './parts.tsx';

export interface Loaded<T> {
  readonly value: T | undefined;
  readonly problem: string;
  readonly again: () => void;
}

export function useLoaded<T>(load: () => Promise<T>): Loaded<T> {
  const [value, setValue] = useState<T>();
  const [problem, setProblem] = useState('');
  const again = () =>
    void load().then(
      (found) => {
        setValue(found);
        setProblem('');
      },
      (error: unknown) => setProblem(sentenceOf(error)),
    );
  useEffect(again, []);
  return { value, problem, again };
}

/** Never throws: what went wrong is told at the edge of the page. */
export async function told(deed: Promise<unknown>, done: string): Promise<void> {
  try {
    await deed;
    tell(done);
  } catch (error) {
    tell(sentenceOf(error));
  }
}
