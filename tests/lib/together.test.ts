import * as pulumi from '@pulumi/pulumi';
import { expect } from 'chai';
import { together } from '../../lib/together.ts';

const mistake = (text: string) => Promise.reject(new pulumi.RunError(text));
const thrown = async (asked: Promise<unknown>) =>
  await asked.then(
    () => undefined,
    (error: unknown) => error as Error,
  );

describe('looking at two things at once', () => {
  it('gives what both find', async () => {
    expect(await together(Promise.resolve(1), Promise.resolve('a'))).to.deep.equal([1, 'a']);
  });

  it('tells the mistakes of both in one message', async () => {
    const error = await thrown(together(mistake('no cluster'), mistake('no account')));
    expect(pulumi.RunError.isInstance(error)).to.equal(true);
    expect(error?.message).to.equal('no cluster\n\nno account');
    expect((await thrown(together(Promise.resolve(1), mistake('no account'))))?.message).to.equal(
      'no account',
    );
  });

  it('does not hide a fault of the program behind a mistake of the user', async () => {
    const fault = new TypeError('x is not a function');
    expect(await thrown(together(mistake('no cluster'), Promise.reject(fault)))).to.equal(fault);
  });
});
