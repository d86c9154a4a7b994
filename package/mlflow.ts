import * as pulumi from '@pulumi/pulumi';
import { parseSettings } from '../config.ts';
import { openSite } from '../site.ts';
import { mlflowStack } from '../stack.ts';

export interface MlflowArgs {
  /** What a stack file has below `mlflow-stack:`, by the same keys and with the same defaults: docs/configuration.md. */
  // Pulumi reads the declaration, and knows a value of any kind by this name alone.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  settings: { [key: string]: any };
}

/** All of MLflow as one component: stores, schema, server, ways in and housekeeping. One to a stack. */
export class Mlflow extends pulumi.ComponentResource {
  /** Tracking URL for clients outside the cluster. */
  public readonly trackingUrl: pulumi.Output<string>;
  /** Tracking URL for clients inside the cluster. */
  public readonly internalTrackingUrl: pulumi.Output<string>;
  /** Where artifacts are. */
  public readonly artifactUri: pulumi.Output<string>;
  /** Host of the database. */
  public readonly databaseHost: pulumi.Output<string>;
  /** First administrator; empty where MLflow has no users of its own. */
  public readonly adminUsername: pulumi.Output<string>;
  /** Password of the administrator; empty where there is none. */
  public readonly adminPassword: pulumi.Output<string>;

  constructor(name: string, args: MlflowArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:Mlflow', name, {}, opts);
    const outputs = pulumi.output(this.#make(args));
    this.trackingUrl = outputs.trackingUrl;
    this.internalTrackingUrl = outputs.internalTrackingUrl;
    this.artifactUri = outputs.artifactUri;
    this.databaseHost = outputs.databaseHost;
    this.adminUsername = outputs.adminUsername.apply((each) => each ?? '');
    this.adminPassword = outputs.adminPassword.apply((each) => each ?? '');
    this.registerOutputs({});
  }

  async #make({ settings }: MlflowArgs) {
    return mlflowStack(await openSite(parseSettings(settings), this));
  }
}
