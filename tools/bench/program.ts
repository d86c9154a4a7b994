// Runs the program once against mocks, as `pulumi preview` runs it against the engine, and prints what that took.
import * as pulumi from '@pulumi/pulumi';

const [context] = process.argv.slice(2);
await pulumi.runtime.setMocks(
  {
    newResource: ({ name, inputs }) => ({ id: name, state: inputs as Record<string, unknown> }),
    call: () => ({}),
  },
  'mlflow-stack',
  'local',
  true,
);
const settings = {
  cloud: 'local',
  kubernetes: { context },
  ingress: { enabled: true, className: 'traefik', hosts: ['mlflow.localhost'] },
};
pulumi.runtime.setAllConfig(
  Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [
      `mlflow-stack:${key}`,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  ),
);
await pulumi.runtime.runInPulumiStack(async () => (await import('../../index.ts')).default);
console.log(
  JSON.stringify({ seconds: performance.now() / 1000, megabytes: process.resourceUsage().maxRSS / 1000 }),
);
