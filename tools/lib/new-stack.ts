// What `npm run init` asks, and the stack file that answers make.
import { stringify } from 'yaml';
import { cloudNames } from '../../clouds/plans.ts';
import { parseSettings } from '../../config.ts';
import packageJson from '../../package.json' with { type: 'json' };

/** Answers, by question. */
export type Answers = Readonly<Record<string, string | undefined>>;

interface QuestionSpec {
  readonly value: string;
  /** The question, and what the option is for. */
  readonly help: string;
  /** What may be answered, where it is one of a few words. */
  readonly choices?: readonly string[];
  /** Where nothing is said; an answer is needed where there is none. */
  readonly fallback?: string;
  /** Whether it matters, as far as is known. Default: it does. */
  readonly applies?: (answers: Answers) => boolean;
}

const isCloud = ({ cloud = '' }: Answers) => ['gcp', 'aws'].includes(cloud);

export const QUESTIONS = {
  stack: { value: 'NAME', help: 'name of the stack, such as dev' },
  cloud: { value: 'CLOUD', help: 'where it lives', choices: cloudNames, fallback: 'local' },
  project: { value: 'ID', help: 'project of Google Cloud', applies: ({ cloud }) => cloud === 'gcp' },
  region: { value: 'REGION', help: 'region of the stores', applies: isCloud },
  network: {
    value: 'NAME',
    help: 'network of the cluster, in which the database gets its address',
    applies: ({ cloud }) => cloud === 'gcp',
  },
  'cluster-name': { value: 'NAME', help: 'name of the EKS cluster', applies: ({ cloud }) => cloud === 'aws' },
  subnets: {
    value: 'IDS',
    help: 'private subnets in two zones or more, with commas between them',
    applies: ({ cloud }) => cloud === 'aws',
  },
  'cluster-stack': {
    value: 'STACK',
    help: 'stack that makes the cluster (empty: a context of your kubeconfig)',
    fallback: '',
    applies: isCloud,
  },
  context: {
    value: 'NAME',
    help: 'context of your kubeconfig',
    applies: (answers) => !answers['cluster-stack'],
  },
  host: {
    value: 'HOST',
    help: 'host name of an Ingress, such as mlflow.example.com (empty: no Ingress)',
    fallback: '',
  },
  'ingress-class': {
    value: 'CLASS',
    help: "its IngressClass (empty: the cluster's own)",
    fallback: '',
    applies: ({ host }) => Boolean(host),
  },
  issuer: {
    value: 'NAME',
    help: 'ClusterIssuer of cert-manager that makes its certificate (empty: HTTP only)',
    fallback: '',
    applies: ({ host }) => Boolean(host),
  },
  auth: {
    value: 'KIND',
    help: "who may enter: users of MLflow's own (basic), or whoever reaches it (none)",
    choices: ['basic', 'none'],
    fallback: 'basic',
  },
  availability: {
    value: 'KIND',
    help: 'one pod (standard), or two and more (high)',
    choices: ['standard', 'high'],
    fallback: 'standard',
  },
  data: {
    value: 'KIND',
    help: 'what `pulumi destroy` does with data',
    choices: ['retain', 'delete', 'protect'],
    fallback: 'retain',
  },
} as const satisfies Record<string, QuestionSpec>;

/** How an answer is found that no option gives; undefined where it has to be an option. */
export type Ask = (question: string, spec: QuestionSpec) => Promise<string | undefined>;

/**
 * Asks what is not answered yet, in order.
 *
 * @throws Error that names every option that is missing or wrong
 */
export async function complete(given: Answers, ask: Ask): Promise<Answers> {
  const answers: Record<string, string> = {};
  const mistakes: string[] = [];
  for (const [question, spec] of Object.entries<QuestionSpec>(QUESTIONS)) {
    if (spec.applies?.(answers) === false) {
      if (given[question] !== undefined) mistakes.push(`--${question} has no effect with the other answers`);
      continue;
    }
    const answer = given[question] ?? (await ask(question, spec));
    if (answer === undefined) mistakes.push(`--${question} ${spec.value} is missing: ${spec.help}`);
    else if (spec.choices?.includes(answer) === false)
      mistakes.push(`--${question} is "${answer}"; allowed: ${spec.choices.join(', ')}`);
    else answers[question] = answer;
  }
  if (mistakes.length > 0) throw new Error(`${mistakes.join('\n')}\nNothing was written. See --help.`);
  return answers;
}

/**
 * The stack file that answers make.
 *
 * @throws Error with every mistake, as a preview would tell it
 */
export function stackFileText(answers: Answers): string {
  const settings = settingsFor(answers);
  parseSettings(settings);
  const config = Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [`${packageJson.name}:${key}`, value]),
  );
  return `# Stack ${answers.stack ?? ''}, made by \`npm run init\`. Every key that is left out has a default: docs/configuration.md.\n${stringify({ config })}`;
}

function settingsFor(answers: Answers): Record<string, unknown> {
  const {
    cloud = 'local',
    project,
    region,
    network,
    subnets,
    context,
    host,
    issuer,
    auth,
    availability,
    data,
  } = answers;
  const clusterStack = answers['cluster-stack'];
  const className = answers['ingress-class'];
  const isHigh = availability === 'high';
  return {
    cloud,
    kubernetes: clusterStack ? { clusterStack } : { context },
    ...(cloud === 'gcp' && { gcp: { project, region, network } }),
    ...(cloud === 'aws' && {
      aws: { region, clusterName: answers['cluster-name'], subnetIds: subnets?.split(',') },
    }),
    // Several pods need artifacts that they can share.
    ...(cloud === 'local' && isHigh && { artifactStore: { kind: 's3Compatible' } }),
    ...(isHigh && { availability }),
    auth: { kind: auth },
    ...(host && {
      ingress: {
        enabled: true,
        ...(className && { className }),
        hosts: [host],
        ...(issuer && { certificate: { clusterIssuer: issuer } }),
      },
    }),
    dataProtection: data,
  };
}
