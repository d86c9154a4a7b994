// The ways in from outside the cluster.
import type { Settings } from '../index.ts';
import { repeated, sentences } from './rule.ts';

export function entry({ ingress }: Settings): string[] {
  return [
    ...sentences([
      [
        ingress.enabled && ingress.hosts.length === 0,
        'ingress.hosts is empty; an Ingress needs at least one host, such as mlflow.example.com',
      ],
    ]),
    ...repeated('ingress.hosts', ingress.hosts),
  ];
}
