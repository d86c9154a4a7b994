// Looking at several things at once.
import * as pulumi from '@pulumi/pulumi';

/**
 * What all of them find.
 *
 * @throws RunError with the mistakes of all, once every one has ended.
 */
export async function together<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  const ended = await Promise.allSettled([one, other]);
  const reasons = ended.flatMap((each): unknown[] => (each.status === 'rejected' ? [each.reason] : []));
  const mistakes = reasons.filter((reason) => pulumi.RunError.isInstance(reason));
  if (mistakes.length === reasons.length && mistakes.length > 1)
    throw new pulumi.RunError(mistakes.map(({ message }) => message).join('\n\n'));
  const fault = reasons.find((reason) => !pulumi.RunError.isInstance(reason));
  if (fault !== undefined) throw fault as Error;
  return await Promise.all([one, other]);
}
