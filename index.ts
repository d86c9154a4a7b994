// The program of a stack: where it goes, and what is there.
import './lib/plain-stacks.ts';
import { openSite } from './site.ts';
import { mlflowStack } from './stack.ts';

export default mlflowStack(await openSite());
