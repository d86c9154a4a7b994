// How commands show what they found. Colours are for terminals alone.
import { stripVTControlCharacters, styleText } from 'node:util';

type Colour = 'red' | 'green' | 'yellow' | 'bold' | 'dim';

/** Plain where standard output is no terminal, or where NO_COLOR asks for it. */
export const coloured = (colour: Colour, text: string): string =>
  styleText(colour, text, { stream: process.stdout });

/** Rows below a heading, in columns as wide as they need to be; nothing where there are no rows. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const width = (text = '') => stripVTControlCharacters(text).length;
  const widths = heading.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column])].map(width)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
      .join('  ')
      .trimEnd();
  return [coloured('bold', line(heading)), ...rows.map(line)].join('\n');
}

/** A span of time, as short as kubectl has it. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const [days, hours, minutes] = [86_400, 3600, 60].map((unit) => Math.floor(seconds / unit));
  if (days) return `${days}d`;
  if (hours) return `${hours}h`;
  return minutes ? `${minutes}m` : `${seconds}s`;
}
