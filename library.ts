// What other Pulumi programs import by the name of this package: docs/library.md.
export * from './components/index.ts';
export * as args from './lib/component-args.ts';
export { names } from './lib/names.ts';
export { type Settings, parseSettings as settingsOf } from './config.ts';
export { type Site, openSite } from './site.ts';
