/** Why a plug-in refuses: of the lines that it gives, the last one says it. */
export function reasonOf(error: unknown): string {
  const lines = (error as Error).message.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '').at(-1) ?? 'no reason given';
}
