// The plug-in that makes the component for programs in any of Pulumi's languages: docs/library.md.
import { componentProviderHost } from '@pulumi/pulumi/provider/experimental/index.js';
import { Mlflow } from './mlflow.ts';

export { Mlflow };

await componentProviderHost({ dirname: import.meta.dirname, name: 'mlflow-stack', components: [Mlflow] });
