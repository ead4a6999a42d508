/** From what a server had used by then to what it was using: between two looks, for counts begin anew with each start. */

/** What a running server had used by a moment. */
export interface UsageCounts {
  readonly atMs: number;
  readonly memoryBytes: number;
  /** Undefined where the disk does not tell. */
  readonly diskBytes: number | undefined;
  /** Since the start, as the two below. */
  readonly cpuSeconds: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export interface UsagePoint {
  readonly atMs: number;
  readonly memoryBytes: number;
  readonly diskBytes: number | undefined;
  /** On average since the look before, in whole CPUs; undefined at the first one, and after a start. */
  readonly cpus: number | undefined;
  readonly receivedBytesPerSecond: number | undefined;
  readonly sentBytesPerSecond: number | undefined;
}

/** The oldest first, as the points are. What is further apart than `mostApartMs` says nothing of the time between. */
export function usagePoints(counts: readonly UsageCounts[], mostApartMs: number): readonly UsagePoint[] {
  return counts.map((now, index) => {
    const { atMs, memoryBytes, diskBytes } = now;
    return { atMs, memoryBytes, diskBytes, ...ratesBetween(counts[index - 1], now, mostApartMs) };
  });
}

function ratesBetween(before: UsageCounts | undefined, now: UsageCounts, mostApartMs: number) {
  const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1000;
  const isOne =
    before !== undefined &&
    seconds > 0 &&
    seconds * 1000 <= mostApartMs &&
    now.cpuSeconds >= before.cpuSeconds &&
    now.receivedBytes >= before.receivedBytes &&
    now.sentBytes >= before.sentBytes;
  if (!isOne) return { cpus: undefined, receivedBytesPerSecond: undefined, sentBytesPerSecond: undefined };
  return {
    cpus: (now.cpuSeconds - before.cpuSeconds) / seconds,
    receivedBytesPerSecond: (now.receivedBytes - before.receivedBytes) / seconds,
    sentBytesPerSecond: (now.sentBytes - before.sentBytes) / seconds,
  };
}
