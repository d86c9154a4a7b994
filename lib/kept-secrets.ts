// What the stack generates and a cloud's secret manager can keep, too.

/** Each is the end of a name there. */
export const keptSecrets = [
  'admin-password',
  'cookie-key',
  'database-password',
  'flask-key',
  'kek-passphrase',
  's3-key',
  'users',
  'webhook-key',
] as const;

export type KeptSecret = (typeof keptSecrets)[number];

/** Those that data depends on: a stack that finds the data goes on with them, and generates the others anew. */
const lasting: readonly KeptSecret[] = ['database-password', 'flask-key', 'kek-passphrase', 'webhook-key'];

/** Whose values are to be had from there, of those that an earlier stack left. */
export const lastingSecrets = (existing: readonly KeptSecret[]): KeptSecret[] =>
  lasting.filter((what) => existing.includes(what));
