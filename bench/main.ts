/**
 * `npm run bench [NAME...] [-- --json FILE]`: the figures this project is held to, each as a ratio against a peer in the same run. A table on standard
 * output, and everything as JSON where `--json` says. Needs root, and for servers the images that ./test builds (MYSERVER_TEST_IMAGES).
 */
import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { bastionEchoFigure } from './bastion-echo.ts';
import { bastionLoginFigure } from './bastion-login.ts';
import { bastionMemoryFigure } from './bastion-memory.ts';
import { bastionStreamFigure } from './bastion-stream.ts';
import { classFigure } from './class.ts';
import { commandLineFigure } from './command-line.ts';
import { createFigure } from './create.ts';
import { machineFacts } from './machine.ts';
import { timed } from './measure.ts';
import { portalFigure } from './portal.ts';
import { portBlockFigure } from './port-block.ts';
import { factsText, type Measured, type Row, tableText } from './report.ts';
import { terminalEchoFigure } from './terminal-echo.ts';
import { terminalMemoryFigure } from './terminal-memory.ts';
import { terminalOutputFigure } from './terminal-output.ts';
import { thousandFigure } from './thousand.ts';
import { webCreateFigure } from './web-create.ts';
import { webDownloadFigure } from './web-download.ts';
import { webRequestsFigure } from './web-requests.ts';
import { webRoutesFigure } from './web-routes.ts';
import { webSocketsFigure } from './web-sockets.ts';

const figures = [
  createFigure,
  classFigure,
  portBlockFigure,
  thousandFigure,
  commandLineFigure,
  bastionStreamFigure,
  bastionLoginFigure,
  bastionMemoryFigure,
  bastionEchoFigure,
  webRequestsFigure,
  webDownloadFigure,
  webSocketsFigure,
  webRoutesFigure,
  webCreateFigure,
  terminalEchoFigure,
  terminalOutputFigure,
  terminalMemoryFigure,
  portalFigure,
];
/** Above it others' work shows in every round: ratios still compare, times do not. */
const quietLoad = 1.5;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'string' } } });
const unknown = positionals.filter((name) => !figures.some((figure) => figure.name === name));
if (unknown.length > 0) {
  console.error(`there is no figure "${unknown.join('", "')}"; there are: ${figures.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const facts = await machineFacts();
console.log(`${factsText(facts)}\n`);
if ((loadavg()[0] ?? 0) > quietLoad) console.log('this machine is busy: compare ratios, not times\n');
const measured: Measured[] = [];
for (const figure of figures) {
  if (positionals.length > 0 && !positionals.includes(figure.name)) continue;
  let rows: readonly Row[] = [];
  const ms = await timed(async () => {
    rows = await figure.measure();
  });
  const one = { name: figure.name, title: figure.title, seconds: ms / 1000, rows };
  measured.push(one);
  console.log(tableText(one));
}
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify({ machine: facts, figures: measured }, undefined, 2)}\n`);
