/** Sets of ports as the kernel writes them in `net.ipv4.ip_local_reserved_ports`: `2000-2999,8080`. */

export type PortRange = readonly [first: number, last: number];

export function parsePortRanges(text: string): readonly PortRange[] {
  const parts = text
    .trim()
    .split(',')
    .filter((part) => /^\d+(?:-\d+)?$/u.test(part));
  return parts.map((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    return [first, last] as const;
  });
}

export function formatPortRanges(ranges: readonly PortRange[]): string {
  return joinPortRanges(ranges)
    .map(([first, last]) => (first === last ? String(first) : `${first}-${last}`))
    .join(',');
}

/** In order, none touching another: the kernel's own form, so that two sets are equal when their texts are. */
export function joinPortRanges(ranges: readonly PortRange[]): readonly PortRange[] {
  const joined: [number, number][] = [];
  for (const [first, last] of ranges.toSorted(([a], [b]) => a - b)) {
    const before = joined.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else joined.push([first, last]);
  }
  return joined;
}

/** Whether every port of `wanted` is in `have`. */
export function includesPorts(have: readonly PortRange[], wanted: readonly PortRange[]): boolean {
  const joined = joinPortRanges(have);
  return wanted.every(([first, last]) => joined.some(([from, to]) => from <= first && last <= to));
}
