import { join } from 'node:path';
import type { Network } from './network.ts';

/** The programs that are not found on the system's PATH. */
export interface Programs {
  /** Folder of kube-apiserver, kubelet and their like. */
  readonly kubeDir: string;
  readonly etcd: string;
}

/** What the configuration of a node depends on. */
export interface NodeSettings {
  readonly instance: string;
  /** Folder of the cluster's data. */
  readonly dir: string;
  readonly network: Network;
  readonly programs: Programs;
  readonly pauseImage: string;
}

/** The node's name says nothing about the instance, so that manifests and tests can count on it. */
export const NODE_NAME = 'node';
export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';
const CLUSTER_DOMAIN = 'cluster.local';

/** Of its own per instance, so that two kubelets on one machine do not account each other's pods. */
export const cgroupRoot = (instance: string) => `mlflow-stack-${instance}`;

/** One certificate signed by the cluster's authority. */
export interface CertificateRequest {
  readonly name: string;
  readonly subject: string;
  readonly alternativeNames?: readonly string[];
}

export function certificates(network: Network): CertificateRequest[] {
  const service = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${CLUSTER_DOMAIN}`,
    'localhost',
  ];
  const addresses = ['127.0.0.1', network.nodeAddress, network.apiServiceAddress];
  return [
    {
      name: 'kube-apiserver',
      subject: '/CN=kube-apiserver',
      alternativeNames: [
        ...service.map((name) => `DNS:${name}`),
        ...addresses.map((address) => `IP:${address}`),
      ],
    },
    {
      name: 'kubelet',
      subject: `/O=system:nodes/CN=system:node:${NODE_NAME}`,
      alternativeNames: [`DNS:${NODE_NAME}`, `IP:${network.nodeAddress}`],
    },
    { name: 'admin', subject: '/O=system:masters/CN=admin' },
    { name: 'kube-controller-manager', subject: '/CN=system:kube-controller-manager' },
    { name: 'kube-scheduler', subject: '/CN=system:kube-scheduler' },
    { name: 'kube-proxy', subject: '/CN=system:kube-proxy' },
    { name: 'apiserver-kubelet-client', subject: '/O=system:masters/CN=apiserver-kubelet-client' },
    { name: 'front-proxy-client', subject: '/CN=front-proxy-client' },
  ];
}

export function kubeconfig(
  context: string,
  server: string,
  credentials: { ca: string; certificate: string; key: string },
): object {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: context, cluster: { server, 'certificate-authority-data': base64(credentials.ca) } }],
    users: [
      {
        name: context,
        user: {
          'client-certificate-data': base64(credentials.certificate),
          'client-key-data': base64(credentials.key),
        },
      },
    ],
    contexts: [{ name: context, context: { cluster: context, user: context } }],
    'current-context': context,
  };
}

/** The command lines of the daemons, in the order of their start. */
export function daemons({ dir, network, programs }: NodeSettings): Record<string, string[]> {
  const pki = (file: string) => join(dir, 'pki', file);
  const kube = (component: string, flags: Record<string, string>) => [
    join(programs.kubeDir, component),
    ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
  ];
  const etcd = 'http://127.0.0.1:2379';
  return {
    containerd: ['containerd', '--config', join(dir, 'containerd.toml')],
    etcd: [
      programs.etcd,
      `--data-dir=${join(dir, 'etcd')}`,
      // A crash of the machine may cost a throw-away cluster; waiting for the disk at every write costs each start.
      '--unsafe-no-fsync',
      `--listen-client-urls=${etcd}`,
      `--advertise-client-urls=${etcd}`,
      '--listen-peer-urls=http://127.0.0.1:2380',
      '--log-level=warn',
    ],
    'kube-apiserver': kube('kube-apiserver', {
      'advertise-address': network.nodeAddress,
      'allow-privileged': 'true',
      'authorization-mode': 'Node,RBAC',
      'bind-address': '0.0.0.0',
      'client-ca-file': pki('ca.crt'),
      'enable-admission-plugins': 'NodeRestriction',
      'etcd-servers': etcd,
      'kubelet-client-certificate': pki('apiserver-kubelet-client.crt'),
      'kubelet-client-key': pki('apiserver-kubelet-client.key'),
      'kubelet-preferred-address-types': 'InternalIP',
      'proxy-client-cert-file': pki('front-proxy-client.crt'),
      'proxy-client-key-file': pki('front-proxy-client.key'),
      'requestheader-allowed-names': 'front-proxy-client',
      'requestheader-client-ca-file': pki('ca.crt'),
      'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
      'requestheader-group-headers': 'X-Remote-Group',
      'requestheader-username-headers': 'X-Remote-User',
      'secure-port': '6443',
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-account-key-file': pki('service-account.pub'),
      'service-account-signing-key-file': pki('service-account.key'),
      'service-cluster-ip-range': network.serviceCidr,
      'tls-cert-file': pki('kube-apiserver.crt'),
      'tls-private-key-file': pki('kube-apiserver.key'),
    }),
    'kube-controller-manager': kube('kube-controller-manager', {
      'allocate-node-cidrs': 'true',
      'cluster-cidr': network.podCidr,
      'cluster-signing-cert-file': pki('ca.crt'),
      'cluster-signing-key-file': pki('ca.key'),
      'flex-volume-plugin-dir': '/run/flexvolume',
      kubeconfig: pki('kube-controller-manager.kubeconfig'),
      'leader-elect': 'false',
      'root-ca-file': pki('ca.crt'),
      'service-account-private-key-file': pki('service-account.key'),
      'service-cluster-ip-range': network.serviceCidr,
      'use-service-account-credentials': 'true',
    }),
    'kube-scheduler': kube('kube-scheduler', {
      kubeconfig: pki('kube-scheduler.kubeconfig'),
      'leader-elect': 'false',
    }),
    kubelet: kube('kubelet', {
      config: join(dir, 'kubelet.yaml'),
      'hostname-override': NODE_NAME,
      kubeconfig: pki('kubelet.kubeconfig'),
      'node-ip': network.nodeAddress,
    }),
    'kube-proxy': kube('kube-proxy', { config: join(dir, 'kube-proxy.yaml') }),
  };
}

export function kubeletConfig({ instance, dir, network }: NodeSettings): object {
  const pki = (file: string) => join(dir, 'pki', file);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pki('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroupRoot(instance)}`,
    clusterDNS: [network.dnsAddress],
    clusterDomain: CLUSTER_DOMAIN,
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    // The disk is shared with everything else on the machine, and images cannot be pulled again.
    evictionHard: { 'imagefs.available': '1%', 'memory.available': '100Mi', 'nodefs.available': '1%' },
    failCgroupV1: false,
    failSwapOn: false,
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    // Never sets a sysctl of the machine.
    protectKernelDefaults: true,
    resolvConf: join(dir, 'resolv.conf'),
    tlsCertFile: pki('kubelet.crt'),
    tlsPrivateKeyFile: pki('kubelet.key'),
    volumePluginDir: '/run/flexvolume',
  };
}

export function kubeProxyConfig({ dir, network }: NodeSettings): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: join(dir, 'pki/kube-proxy.kubeconfig') },
    clusterCIDR: network.podCidr,
    // Zero means: leave the machine's limits as they are.
    conntrack: { maxPerCore: 0, min: 0 },
    hostnameOverride: NODE_NAME,
    mode: 'nftables',
  };
}

export function cniConfig(network: Network): object {
  const ipam = {
    type: 'host-local',
    // On the tmpfs that ends with the node: no address outlives its pod.
    dataDir: '/run/cni',
    ranges: [[{ subnet: network.podCidr }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      { type: 'ptp', ipMasq: true, ipam },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

export function containerdConfig({ dir, pauseImage }: NodeSettings): string {
  return `version = 2
root = "${join(dir, 'containerd')}"
state = "/run/containerd"

[grpc]
address = "${CONTAINERD_SOCKET}"

[plugins."io.containerd.internal.v1.opt"]
path = "${join(dir, 'containerd/opt')}"

[plugins."io.containerd.grpc.v1.cri"]
disable_apparmor = true
restrict_oom_score_adj = true
sandbox_image = "${pauseImage}"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${join(dir, 'cni')}"

[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "runc"
snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
`;
}
