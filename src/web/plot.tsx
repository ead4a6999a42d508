/** One small plot over time, in words too. */
import type { UsagePoint } from '../core/usage-rates.ts';

type Line = readonly [name: string, value: (point: UsagePoint) => number | undefined];

export interface PlotProps {
  readonly title: string;
  /** The oldest first. */
  readonly points: readonly UsagePoint[];
  readonly spanMs: number;
  /** The top of the plot; undefined: the highest value. */
  readonly most: number | undefined;
  readonly lines: readonly Line[];
  readonly text: (value: number) => string;
}

const [width, height] = [240, 60];

export function Plot({ title, points, spanMs, most, lines, text }: PlotProps) {
  const drawn = lines.map(([name, valueOf]) => {
    const values = points.flatMap((point) => {
      const value = valueOf(point);
      return value === undefined ? [] : [{ atMs: point.atMs, value }];
    });
    return { name, values, now: values.at(-1)?.value, highest: Math.max(0, ...values.map(({ value }) => value)) };
  });
  const top = most ?? Math.max(1, ...drawn.map(({ highest }) => highest));
  const isNamed = lines.length > 1;
  const said = drawn.map(({ name, now }) => `${isNamed ? `${name} ` : ''}${now === undefined ? '…' : text(now)}`).join(' · ');
  const mostSaid = drawn.map(({ name, highest }) => `${isNamed ? `${name} ` : ''}${text(highest)}`).join(', ');
  const endMs = Date.now();
  return (
    <figure class="plot">
      <figcaption>
        <strong>{title}</strong> {said}
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`${title}: ${said} now, ${mostSaid} at most`}
        preserveAspectRatio="none"
      >
        {drawn.map(({ name, values }) => (
          <path key={name} class={name} d={pathOf(values, { endMs, spanMs, top })} />
        ))}
      </svg>
      <p class="facts">at most {mostSaid}</p>
    </figure>
  );
}

interface Frame {
  readonly endMs: number;
  readonly spanMs: number;
  readonly top: number;
}

/** A gap where for a tenth of the time there is nothing. */
function pathOf(values: readonly { readonly atMs: number; readonly value: number }[], { endMs, spanMs, top }: Frame): string {
  return values
    .map(({ atMs, value }, index) => {
      const before = values[index - 1];
      const isNew = before === undefined || atMs - before.atMs > spanMs / 10;
      const x = width * (1 - (endMs - atMs) / spanMs);
      const y = height - 1 - (height - 2) * Math.min(1, value / top);
      return `${isNew ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join('');
}
