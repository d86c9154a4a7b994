// A copy of the database before its schema changes, made with the log-in of whoever deploys.
import { RDSClient, CreateDBSnapshotCommand, waitUntilDBSnapshotAvailable } from '@aws-sdk/client-rds';

const hour = 3600;

/** Resolves to the copy's name once it is complete. The address in AWS_ENDPOINT_URL takes the place of AWS. */
export async function snapshot(region: string, instance: string, label: string): Promise<string> {
  const client = new RDSClient({ region });
  const time = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const name = `${instance}-${label}-${time}`.replace(/[^a-zA-Z0-9]+/g, '-').slice(0, 255);
  try {
    await client.send(
      new CreateDBSnapshotCommand({
        DBInstanceIdentifier: instance,
        DBSnapshotIdentifier: name,
        Tags: [{ Key: 'managed-by', Value: 'pulumi' }],
      }),
    );
    await waitUntilDBSnapshotAvailable(
      { client, maxWaitTime: 2 * hour, minDelay: 5, maxDelay: 30 },
      { DBSnapshotIdentifier: name },
    );
    return name;
  } finally {
    client.destroy();
  }
}
