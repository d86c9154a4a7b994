import * as pulumi from '@pulumi/pulumi';

export interface NextCommandsArgs {
  readonly context: string;
  readonly service: pulumi.Input<{ namespace: string; name: string; port: number }>;
  readonly gcCronJob: pulumi.Input<string> | undefined;
}

/** Commands to go on with after `pulumi up`, by what they do. They run as they are, in any shell. */
export function nextCommands(args: NextCommandsArgs): pulumi.Output<Record<string, string>> {
  return pulumi.output(args).apply(({ context, service: { namespace, name, port }, gcCronJob }) => {
    const kubectl = `kubectl --context ${context} --namespace ${namespace}`;
    const commands: Record<string, string> = {
      openOnPort5000: `${kubectl} port-forward service/${name} 5000:${port}`,
      seePods: `${kubectl} get pods`,
      followLogs: `${kubectl} logs --follow deployment/${name}`,
    };
    if (gcCronJob !== undefined) {
      commands.collectGarbageNow = `${kubectl} create job ${gcCronJob}-$(date +%s) --from=cronjob/${gcCronJob}`;
    }
    return commands;
  });
}
