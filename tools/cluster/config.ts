import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Network } from './network.ts';

/** What the configuration of a node depends on: the names that the files in config/ speak of. */
export interface NodeSettings extends Network {
  /** Folder of the cluster's data. */
  readonly dir: string;
  readonly nodeName: string;
  /** Name of the control group that all pods are in. */
  readonly cgroup: string;
  readonly pauseImage: string;
}

/** Says nothing about the instance, so that manifests and tests can count on it. */
export const NODE_NAME = 'node';
export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';
export const cgroupOf = (instance: string) => `mlflow-stack-${instance}`;

/** Copied into the cluster's folder under their own names. */
const CONFIG_FILES = [
  'cni/10-pods.conflist',
  'containerd.toml',
  'kube-proxy.yaml',
  'kubelet.yaml',
  'resolv.conf',
];

/** A file of config/ with every ${name} replaced. A name without a value is a mistake in this folder. */
export function render(file: string, values: object): string {
  const template = readFileSync(join(import.meta.dirname, 'config', file), 'utf8');
  return template.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = (values as Record<string, unknown>)[name];
    if (typeof value !== 'string') throw new TypeError(`${file}: nothing is known about ${name}`);
    return value;
  });
}

/** One certificate signed by the cluster's authority. */
export interface CertificateRequest {
  readonly name: string;
  readonly subject: string;
  readonly alternativeNames?: readonly string[];
}

export function certificates(settings: NodeSettings): CertificateRequest[] {
  return parse(render('certificates.yaml', settings)) as CertificateRequest[];
}

/** The node's files by their path in the cluster's folder; `programOf` tells where a program is. */
export function configuration(
  settings: NodeSettings,
  programOf: (name: string) => string,
): Record<string, string> {
  return {
    ...Object.fromEntries(CONFIG_FILES.map((file) => [file, render(file, settings)])),
    ...daemonScripts(settings, programOf),
  };
}

/** The daemons as scripts. */
function daemonScripts(settings: NodeSettings, programOf: (name: string) => string): Record<string, string> {
  const daemons = parse(render('daemons.yaml', settings)) as Record<
    string,
    Record<string, string | number | boolean>
  >;
  return Object.fromEntries(
    Object.entries(daemons).map(([name, flags]) => {
      const words = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
      return [
        `daemons/${name}`,
        `#!/bin/sh\nexec ${[programOf(name), ...words].map(shellQuote).join(' \\\n  ')}\n`,
      ];
    }),
  );
}

function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
