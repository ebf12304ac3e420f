// What hand-written stacks of one team have in common: alarms, queues, buckets and functions.
import * as path from 'node:path';

import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as actions from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sns from 'aws-cdk-lib/aws-sns';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';

export type Build = (stack: Stack, name: string, operators: sns.ITopic) => void;

// The code of functions is the same, whoever deploys it.
export const LIBRARY = path.resolve(__dirname, '../../../../cdp_constructs');
const POWERTOOLS = '/aws/service/powertools/python/arm64/python3.14/3.37.0';

export function addAlarm(
  scope: Construct,
  id: string,
  metric: cloudwatch.IMetric,
  operators: sns.ITopic,
  description: string,
  options: { threshold?: number; evaluationPeriods?: number } = {},
): void {
  const alarm = new cloudwatch.Alarm(scope, id, {
    metric,
    threshold: options.threshold ?? 1,
    evaluationPeriods: options.evaluationPeriods ?? 1,
    comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    alarmDescription: description,
  });
  alarm.addAlarmAction(new actions.SnsAction(operators));
  alarm.addOkAction(new actions.SnsAction(operators));
}

export function addQueue(
  scope: Construct,
  id: string,
  options: { key?: kms.IKey; deadLetterQueue?: sqs.Queue; visibilityTimeout?: Duration } = {},
): sqs.Queue {
  return new sqs.Queue(scope, id, {
    retentionPeriod: Duration.days(14),
    visibilityTimeout: options.visibilityTimeout,
    enforceSSL: true,
    encryption: options.key ? sqs.QueueEncryption.KMS : sqs.QueueEncryption.SQS_MANAGED,
    encryptionMasterKey: options.key,
    dataKeyReuse: options.key ? Duration.hours(1) : undefined,
    deadLetterQueue: options.deadLetterQueue && { queue: options.deadLetterQueue, maxReceiveCount: 5 },
  });
}

export function addDeadLetterAlarm(scope: Construct, id: string, queue: sqs.Queue, operators: sns.ITopic): void {
  const metric = queue.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(1), statistic: 'max' });
  addAlarm(scope, id, metric, operators, `${queue.node.id} holds messages`);
}

export function accessLogs(stack: Stack): s3.IBucket {
  const existing = stack.node.tryFindChild('AccessLogs') as s3.Bucket | undefined;
  return (
    existing ??
    new s3.Bucket(stack, 'AccessLogs', {
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      encryption: s3.BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [{ id: 'ExpireLogs', expiration: Duration.days(365) }],
    })
  );
}

export function addBucket(
  scope: Construct,
  id: string,
  options: { lifecycleRules?: s3.LifecycleRule[]; cors?: s3.CorsRule[] } = {},
): s3.Bucket {
  return new s3.Bucket(scope, id, {
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    encryption: s3.BucketEncryption.S3_MANAGED,
    enforceSSL: true,
    versioned: true,
    removalPolicy: RemovalPolicy.RETAIN,
    serverAccessLogsBucket: accessLogs(Stack.of(scope)),
    serverAccessLogsPrefix: `s3/${scope.node.id}/`,
    cors: options.cors,
    lifecycleRules: [
      { id: 'AbortIncompleteMultipartUploads', abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ...(options.lifecycleRules ?? []),
    ],
  });
}

export function addFunction(
  scope: Construct,
  id: string,
  handler: string,
  description: string,
  options: {
    environment: Record<string, string>;
    layers?: lambda.ILayerVersion[];
    memorySize?: number;
    timeout?: Duration;
  },
): lambda.Function {
  const [family, name] = handler.split('/');
  const stack = Stack.of(scope);
  const logGroup = new logs.LogGroup(scope, `${id}Logs`, {
    retention: logs.RetentionDays.THREE_MONTHS,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  const role = new iam.Role(scope, `${id}Role`, {
    assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
    managedPolicies: [tracing(stack)],
  });
  logGroup.grantWrite(role);
  return new lambda.Function(scope, id, {
    description,
    runtime: lambda.Runtime.PYTHON_3_14,
    architecture: lambda.Architecture.ARM_64,
    handler: 'index.handler',
    code: lambda.Code.fromAsset(path.join(LIBRARY, family, 'handlers', name), { exclude: ['__pycache__'] }),
    layers: [powertools(stack), ...(options.layers ?? [])],
    role,
    logGroup,
    loggingFormat: lambda.LoggingFormat.JSON,
    memorySize: options.memorySize ?? 256,
    timeout: options.timeout ?? Duration.seconds(10),
    environment: { POWERTOOLS_SERVICE_NAME: id, ...options.environment },
  });
}

function powertools(stack: Stack): lambda.ILayerVersion {
  const existing = stack.node.tryFindChild('Powertools') as lambda.LayerVersion | undefined;
  return (
    existing ??
    lambda.LayerVersion.fromLayerVersionArn(
      stack,
      'Powertools',
      ssm.StringParameter.valueForStringParameter(stack, POWERTOOLS),
    )
  );
}

function tracing(stack: Stack): iam.IManagedPolicy {
  const existing = stack.node.tryFindChild('Tracing') as iam.ManagedPolicy | undefined;
  return (
    existing ??
    new iam.ManagedPolicy(stack, 'Tracing', {
      statements: [
        new iam.PolicyStatement({ actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], resources: ['*'] }),
      ],
    })
  );
}
