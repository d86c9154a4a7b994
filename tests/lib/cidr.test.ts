import { expect } from 'chai';
import { isLimited, prefixLength } from '../../lib/cidr.ts';

describe('a range of addresses', () => {
  for (const [range, bits] of [
    ['10.0.0.0/8', 8],
    ['0.0.0.0/0', 0],
    ['192.168.1.7/32', 32],
    ['2001:db8::/32', 32],
    ['::/0', 0],
    ['::ffff:10.0.0.0/104', 104],
    ['fd00::1/128', 128],
  ] as const) {
    it(`is ${range}`, () => expect(prefixLength(range)).to.equal(bits));
  }

  for (const text of [
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0/8',
    '10.0.0.256/8',
    '2001:db8::/129',
    '2001:db8:::/32',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    '010.0.0.0/8',
    '10.0.0.0/255.0.0.0',
    ' 10.0.0.0/8',
    'fe80::1%eth0/64',
    'mlflow.example.com/8',
    '',
  ]) {
    it(`is not "${text}"`, () => expect(prefixLength(text)).to.equal(undefined));
  }

  it('limits who may come in unless it is the whole of the Internet', () => {
    expect(isLimited(['10.0.0.0/8', 'fd00::/8'])).to.equal(true);
    for (const ranges of [[], ['0.0.0.0/0'], ['10.0.0.0/8', '::/0']])
      expect(isLimited(ranges), ranges.join()).to.equal(false);
  });
});
