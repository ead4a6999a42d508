/** Requests a second, and how long the slowest hundredth takes, through each proxy on one core. */
import { alternate } from './measure.ts';
import { type Figure, type Goal, type Row, row } from './report.ts';
import { load } from './web-load.ts';
import { type Contender, makeWebRoom, type WebRoom } from './web-room.ts';

const rounds = 5;
const atLeast = (value: number): Goal => ({ kind: 'at-least', value, of: 'ratio' });

export const webRequestsFigure: Figure = {
  name: 'web-requests',
  title: 'Requests through the edge: 64 connections, kept, each proxy on one core',
  async measure() {
    await using room = await makeWebRoom();
    return [...(await rowsOf(room, '1k')), ...(await rowsOf(room, '100k'))];
  },
};

async function rowsOf(room: WebRoom, file: string): Promise<readonly Row[]> {
  const { nginx, nginxTls, chp, haproxy, haproxyAuto, haproxyPrivate, embedded } = room;
  const slowest = new Map<string, number[]>();
  const by = (one: Contender) => async (round: number) => {
    const { perSecond, p99Ms } = await load(one, file);
    if (round > 0) slowest.set(one.name, [...(slowest.get(one.name) ?? []), p99Ms]);
    return perSecond;
  };
  const rates = await alternate(rounds, {
    nginx: by(nginx),
    haproxy: by(haproxy),
    haproxyAuto: by(haproxyAuto),
    embedded: by(embedded),
    chp: by(chp),
    nginxTls: by(nginxTls),
    haproxyPrivate: by(haproxyPrivate),
  });
  const pairs = [
    ['haproxy', haproxy, 'nginx', nginx, 1],
    ['haproxyAuto', haproxyAuto, 'nginx', nginx, 1],
    ['haproxyPrivate', haproxyPrivate, 'nginxTls', nginxTls, 1],
    ['haproxy', haproxy, 'chp', chp, 6],
    ['haproxyAuto', haproxyAuto, 'chp', chp, 6],
    ['embedded', embedded, 'chp', chp, 1.5],
  ] as const;
  return pairs.flatMap(([own, ours, other, theirs, goal]) => [
    row({ what: `${file}, ${ours.name}`, unit: '/s', ours: rates[own], peer: theirs.name, theirs: rates[other], goal: atLeast(goal) }),
    row({
      what: `${file}, ${ours.name}, p99`,
      unit: 'ms',
      ours: slowest.get(ours.name) ?? [],
      peer: theirs.name,
      theirs: slowest.get(theirs.name) ?? [],
    }),
  ]);
}
