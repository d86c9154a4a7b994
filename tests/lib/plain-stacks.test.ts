import { expect } from 'chai';

describe('stack traces of the program', () => {
  it('are those of Node, whatever prepared them before', async () => {
    const before = Error.prepareStackTrace;
    try {
      Error.prepareStackTrace = () => 'looked up in source maps';
      await import(`../../lib/plain-stacks.ts?run=${Date.now()}`);
      expect(new Error('x').stack).to.include('plain-stacks.test.ts:');
    } finally {
      Error.prepareStackTrace = before;
    }
  });
});
