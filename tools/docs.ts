// npm run docs: writes what the documentation says of the settings anew, from the settings themselves.
import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { settingsPages } from './docs/pages.ts';
import { main } from './lib/main.ts';
import { helpText, parseOptions } from './lib/options.ts';
import { projectDir } from './lib/paths.ts';

const OPTIONS = { help: { help: 'show this text' } } as const;

await main(async (args) => {
  if (parseOptions(OPTIONS, args).help) {
    console.log(
      `npm run docs\n\nWrites the tables of docs/configuration.md and docs/Pulumi.template.yaml.\n\n${helpText(OPTIONS)}`,
    );
    return;
  }
  for (const [file, content] of Object.entries(settingsPages())) {
    const changed = readFileSync(file, { encoding: 'utf8', flag: 'a+' }) !== content;
    if (changed) writeFileSync(file, content);
    console.log(`${relative(projectDir, file)} ${changed ? 'written' : 'is current'}`);
  }
});
