/**
 * What every engine must pass: each promise of `engine.ts`, and each repeatable one twice. The real engine proves that the fake tells the truth; what
 * only a kernel can show (limits that hold) is asked of the real one alone.
 */
import { after, before, suite } from 'node:test';
import { testImages } from './conformance-images.testing.ts';
import { testInside } from './conformance-inside.testing.ts';
import { testLife } from './conformance-life.testing.ts';
import { testReal } from './conformance-real.testing.ts';
import { type EngineUnderTest, makeConformanceRoom } from './conformance-room.testing.ts';

export interface ConformanceOptions {
  /** Why none of it can run here. */
  readonly skip?: string;
  /** Tests at once: a real engine mostly waits for the kernel. */
  readonly concurrency?: number;
}

export function conformanceSuite(label: string, makeEngineForTest: () => Promise<EngineUnderTest>, options: ConformanceOptions = {}): void {
  suite(`Engine conformance: ${label}`, { skip: options.skip ?? false, concurrency: options.concurrency ?? 1 }, () => {
    let made: EngineUnderTest | undefined;
    before(async () => {
      made = await makeEngineForTest();
    });
    after(async () => {
      await made?.[Symbol.asyncDispose]();
    });
    const room = makeConformanceRoom(() => made);
    testLife(room);
    testInside(room);
    testImages(room);
    testReal(room);
  });
}
