import type { ComponentResourceOptions } from '@pulumi/pulumi';

/** What `pulumi destroy` does with data. */
export type DataProtection = 'delete' | 'retain' | 'protect';

/** Resource options for everything that holds data or the key to it. */
export function dataOptions(
  mode: DataProtection,
): Pick<ComponentResourceOptions, 'protect' | 'retainOnDelete'> {
  return { protect: mode === 'protect', retainOnDelete: mode === 'retain' };
}

/** The same for what guards data that is elsewhere: it stays for as long as the data does, and may be replaced. */
export const guardOptions = (mode: DataProtection): Pick<ComponentResourceOptions, 'retainOnDelete'> => ({
  retainOnDelete: mode !== 'delete',
});
