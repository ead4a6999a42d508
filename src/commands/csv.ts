/**
 * CSV by RFC 4180, safe to open in a spreadsheet. The attack (formula injection): a cell such as `=HYPERLINK(...)` or `+cmd|...` in a server's notes is run
 * as a formula by the lecturer's spreadsheet. Text that begins with = + - @, a tab or a line break (or their full-width twins) gets a leading
 * apostrophe, which spreadsheets show as text; a program that reads the file takes one apostrophe off such a cell.
 */
import { visible } from './plain-text.ts';

export type Cell = string | number | boolean | null;

export function csvCell(cell: Cell): string {
  if (typeof cell !== 'string') return cell === null ? '' : String(cell);
  const opensFormula = /^[=+\-@\t\r\n＝＋－＠]/u.test(cell);
  // Line breaks are the format's own; other controls would reach a terminal when somebody looks at the file.
  const lines = cell.split(/\r\n|\r|\n/u).map((line) => visible(line));
  const text = (opensFormula ? "'" : '') + lines.join('\r\n');
  return /[",\r\n']|^\s|\s$/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Every line ends in CR LF, the last one too. */
export function csvText(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map((cell) => csvCell(cell)).join(',')}\r\n`).join('');
}
