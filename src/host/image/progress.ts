/** How far a build is, read from what apt, dpkg and mksquashfs say, as a fraction that only grows. */

export interface Progress {
  /** Human words: "unpacking and configuring packages". */
  readonly step: string;
  /** 0..1, never less than before. */
  readonly fraction: number;
}

export type OnProgress = (progress: Progress) => void;

export interface Stage {
  /** Sets the words and how much of this stage is done, 0..1. */
  (step: string, done: number): void;
}

/** Splits 0..1 between stages by the seconds each is expected to take; a stage that takes nothing may be left out by never calling it. */
export function stagesOf<Name extends string>(seconds: Readonly<Record<Name, number>>, onProgress: OnProgress): (name: Name) => Stage {
  const names = Object.keys(seconds) as Name[];
  const total = names.reduce((sum, name) => sum + seconds[name], 0);
  let fraction = 0;
  let lastStep = '';
  return (name) => {
    const before = names.slice(0, names.indexOf(name)).reduce((sum, earlier) => sum + seconds[earlier], 0);
    return (step, done) => {
      const next = Math.max(fraction, (before + seconds[name] * Math.min(1, Math.max(0, done))) / total);
      if (next === fraction && step === lastStep) return;
      fraction = next;
      lastStep = step;
      onProgress({ step, fraction });
    };
  };
}

/**
 * Reads apt-get's and dpkg's lines, of mmdebstrap (`--verbose`) or of `apt-get install`. One package is three events: fetched (when it is not cached),
 * unpacked, set up. mmdebstrap installs in rounds and knows only each round's count, so the whole is what the recipe usually comes to.
 */
export function aptReader(stage: Stage, expectedPackages: number): (line: string) => void {
  let fetched = 0;
  let unpacked = 0;
  let setUp = 0;
  let step = 'reading package lists';
  let lists = 0;
  return (line) => {
    if (/^(?:Get|Hit):\d+ .* (?:InRelease|Packages)\b/u.test(line)) {
      lists += 1;
      step = 'reading package lists';
    } else if (line.startsWith('Get:')) {
      fetched += 1;
      step = 'downloading packages';
    } else if (line.startsWith('Unpacking ')) {
      unpacked += 1;
      step = 'unpacking and configuring packages';
    } else if (line.startsWith('Setting up ')) setUp += 1;
    else return;
    const share = (events: number) => Math.min(1, events / expectedPackages);
    // Fetching and setting up weigh less than unpacking, which decompresses and writes.
    stage(step, 0.05 * Math.min(1, lists / 6) + 0.2 * share(Math.max(fetched, unpacked)) + 0.45 * share(unpacked) + 0.3 * share(setUp));
  };
}

/** Reads mksquashfs's progress bar: `[====|  ] 1234/5678  21%`. */
export function squashReader(stage: Stage): (line: string) => void {
  return (line) => {
    const match = /\]\s+(\d+)\/(\d+)\s/u.exec(line);
    if (match !== null && Number(match[2]) > 0) stage('packing the file system', Number(match[1]) / Number(match[2]));
  };
}
