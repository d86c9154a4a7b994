import { expect } from 'chai';
import { findings, rules } from '../../../policy/rules/index.ts';
import { protectedData } from '../../../policy/rules/stores.ts';
import { resourcesOfState } from '../../support/policy.ts';
import { stack } from './stack.ts';

/** What is deployed breaks no rule of the policy pack. Data of a test is meant to go with it. */
export async function expectNoFindings(): Promise<void> {
  const { resources } = await stack.exportedState();
  const asked = rules.filter((rule) => rule !== protectedData);
  expect(findings(resourcesOfState(resources), asked)).to.deep.equal([]);
}
