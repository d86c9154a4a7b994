// What the pretended Google Cloud has. For tests.
import type { CloudTable } from '../provider.ts';
import { kinds } from './kinds.ts';

export const table: CloudTable = { kinds };
