/** What a server uses, as small plots: the last minutes as this page saw them, or a day as control kept it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ServerDetail } from '../contract/schemas.ts';
import type { UsagePointView } from '../contract/usage.ts';
import { type UsageCounts, type UsagePoint, usagePoints } from '../core/usage-rates.ts';
import { sentenceOf } from './faults.ts';
import { bytesText } from './format.ts';
import { Plot } from './plot.tsx';
import { Problem } from './parts.tsx';
import { api } from './session.ts';

const liveMs = 5 * 60_000;
const dayMs = 86_400_000;
/** What is further apart was not looked at in between. */
const mostApartMs = 30_000;

/** What the page has seen of it so far. */
function useSeen({ server, usage }: ServerDetail): readonly UsagePoint[] {
  const seen = useRef<readonly UsageCounts[]>([]);
  const generation = useRef(server.generation);
  const last = useRef(usage);
  if (generation.current !== server.generation) {
    generation.current = server.generation;
    seen.current = [];
  }
  if (usage !== null && (usage !== last.current || seen.current.length === 0)) {
    const now = { atMs: Date.now(), ...usage, diskBytes: usage.diskBytes ?? undefined };
    seen.current = [...seen.current.filter(({ atMs }) => atMs > now.atMs - liveMs), now];
  }
  last.current = usage;
  return usagePoints(seen.current, mostApartMs);
}

function fromView(point: UsagePointView): UsagePoint {
  return {
    atMs: Date.parse(point.at),
    memoryBytes: point.memoryBytes,
    diskBytes: point.diskBytes ?? undefined,
    cpus: point.cpus ?? undefined,
    receivedBytesPerSecond: point.receivedBytesPerSecond ?? undefined,
    sentBytesPerSecond: point.sentBytesPerSecond ?? undefined,
  };
}

function useDay(id: number, isWanted: boolean) {
  const [points, setPoints] = useState<readonly UsagePoint[]>([]);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    if (!isWanted) return undefined;
    const look = () =>
      api.call('serverUsage', { params: { id } }).then(
        (found) => setPoints(found.points.map(fromView)),
        (error: unknown) => setProblem(sentenceOf(error)),
      );
    void look();
    const timer = setInterval(() => void look(), 60_000);
    return () => clearInterval(timer);
  }, [id, isWanted]);
  return { points, problem };
}

const percent = (share: number) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
const perSecond = (bytes: number) => `${bytesText(bytes)}/s`;

export function Usage({ detail }: { readonly detail: ServerDetail }) {
  const { server } = detail;
  const seen = useSeen(detail);
  const [isDay, setDay] = useState(false);
  const day = useDay(server.id, isDay);
  const points = isDay ? day.points : seen;
  const span = isDay ? dayMs : liveMs;
  if (detail.usage === null && !isDay) return null;
  const plotted = { points, spanMs: span };
  return (
    <section aria-label="Usage">
      <div class="title">
        <h2>Usage</h2>
        <span class="buttons" role="group" aria-label="How far back">
          <button type="button" aria-pressed={!isDay} onClick={() => setDay(false)}>
            5 minutes
          </button>
          <button type="button" aria-pressed={isDay} onClick={() => setDay(true)}>
            A day
          </button>
        </span>
      </div>
      <Problem text={day.problem} />
      <div class="plots">
        <Plot
          {...plotted}
          title="CPU"
          most={server.cpus}
          lines={[['used', ({ cpus }) => cpus]]}
          text={(cpus) => percent(cpus / server.cpus)}
        />
        <Plot {...plotted} title="Memory" most={server.memoryBytes} lines={[['used', ({ memoryBytes }) => memoryBytes]]} text={bytesText} />
        <Plot {...plotted} title="Disk" most={server.diskBytes} lines={[['used', ({ diskBytes }) => diskBytes]]} text={bytesText} />
        <Plot
          {...plotted}
          title="Network"
          most={undefined}
          lines={[
            ['in', ({ receivedBytesPerSecond }) => receivedBytesPerSecond],
            ['out', ({ sentBytesPerSecond }) => sentBytesPerSecond],
          ]}
          text={perSecond}
        />
      </div>
    </section>
  );
}
