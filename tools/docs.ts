// npm run docs: writes what the documentation says of the settings anew, from the settings themselves.
import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { settingsPages } from './docs/pages.ts';
import { command } from './lib/command.ts';
import { projectDir } from './lib/paths.ts';

const COMMAND = {
  usage: 'npm run docs',
  about: 'Writes the tables of docs/configuration.md and docs/Pulumi.template.yaml.',
  options: {},
} as const;

await command(COMMAND, async () => {
  for (const [file, content] of Object.entries(settingsPages())) {
    const changed = readFileSync(file, { encoding: 'utf8', flag: 'a+' }) !== content;
    if (changed) writeFileSync(file, content);
    console.log(`${relative(projectDir, file)} ${changed ? 'written' : 'is current'}`);
  }
});
