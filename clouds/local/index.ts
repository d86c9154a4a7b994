// The cloud that is none: any Kubernetes cluster, with both stores inside it.
import type { Cloud } from '../cloud.ts';

export const local: Cloud = {
  cluster: ({ context, kubeconfig }) => ({ context, kubeconfig }),

  // Nothing outside the cluster is used, so the pods need no identity but their ServiceAccount.
  identity: (_name, { serviceAccount }) => ({ serviceAccount, annotations: {}, podLabels: {} }),
};
