/** The formats of `-f`, the same for every command: a table for people, JSON and YAML as the API has it, CSV for spreadsheets. */
import { unreachable } from '../base/brand.ts';
import { type Cell, csvText } from './csv.ts';
import { cutTo, escapeHarmful, padTo, visible, widthOf } from './plain-text.ts';

export const formats = ['table', 'json', 'csv', 'yaml'] as const;
export type Format = (typeof formats)[number];

export interface Column<Row> {
  /** Lower case, as `-c` takes it; the table's head shows it in upper case. */
  readonly name: string;
  readonly cell: (row: Row) => Cell;
  readonly colour?: (row: Row) => Colour | undefined;
}

const colourCodes = { red: 31, green: 32, yellow: 33, grey: 90 } as const;
export type Colour = keyof typeof colourCodes;

function paint(text: string, colour: Colour | undefined): string {
  return colour === undefined ? text : `\u001B[${colourCodes[colour]}m${text}\u001B[0m`;
}

export interface TableStyle {
  readonly header: boolean;
  readonly colour: boolean;
  /** Where given, the last column is cut so that a line fits. */
  readonly columns: number | undefined;
}

/** Two spaces between columns, no line ends in a space. Cells may come from anybody. */
export function tableText<Row>(columns: readonly Column<Row>[], rows: readonly Row[], style: TableStyle): string {
  const head = columns.map((column) => column.name.toUpperCase());
  const cells = rows.map((row) => columns.map((column) => shown(column.cell(row))));
  const widths = columns.map((_column, at) =>
    cells.reduce((most, line) => Math.max(most, widthOf(line[at] ?? '')), style.header ? widthOf(head[at] ?? '') : 0),
  );
  const last = columns.length - 1;
  const before = widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0);
  const line = (texts: readonly string[], colours: readonly (Colour | undefined)[]) => {
    const parts = texts.map((text, at) => {
      if (at < last) return paint(padTo(text, widths[at] ?? 0), colours[at]);
      return paint(style.columns === undefined ? text : cutTo(text, Math.max(8, style.columns - before)), colours[at]);
    });
    return `${parts.join('  ').trimEnd()}\n`;
  };
  const body = rows.map((row, at) =>
    line(
      cells[at] ?? [],
      columns.map((column) => (style.colour ? column.colour?.(row) : undefined)),
    ),
  );
  return (style.header ? line(head, []) : '') + body.join('');
}

function shown(cell: Cell): string {
  if (cell === null) return '';
  return typeof cell === 'string' ? visible(cell) : String(cell);
}

/** `label  value` lines, aligned. */
export function fieldsText(fields: readonly (readonly [string, Cell])[]): string {
  const width = Math.max(0, ...fields.map(([label]) => label.length));
  return fields.map(([label, cell]) => `${padTo(label, width + 2)}${shown(cell)}`.trimEnd()).join('\n') + (fields.length === 0 ? '' : '\n');
}

export function jsonText(value: unknown): string {
  return `${escapeHarmful(JSON.stringify(value, null, 2))}\n`;
}

/** Loaded when it is wanted: it takes longer to load than all the rest. */
export async function yamlText(value: unknown): Promise<string> {
  const yaml = await import('./yaml.ts');
  return yaml.yamlText(value);
}

/** Rows in any format. JSON and YAML give the API's own objects, unless columns were chosen. */
export async function rowsText<Row>(
  format: Format,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: TableStyle & { readonly wereChosen: boolean },
): Promise<string> {
  const values = () =>
    style.wereChosen ? rows.map((row) => Object.fromEntries(columns.map((column) => [column.name, column.cell(row)]))) : rows;
  switch (format) {
    case 'table':
      return tableText(columns, rows, style);
    case 'json':
      return jsonText(values());
    case 'yaml':
      return yamlText(values());
    case 'csv':
      return csvText([
        ...(style.header ? [columns.map((column) => column.name)] : []),
        ...rows.map((row) => columns.map((column) => column.cell(row))),
      ]);
    default:
      return unreachable(format);
  }
}
