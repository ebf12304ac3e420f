// What devices measure goes by a rule to Firehose, and as Parquet to a bucket that Athena queries.
import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as athena from 'aws-cdk-lib/aws-athena';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as glue from 'aws-cdk-lib/aws-glue';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as iot from 'aws-cdk-lib/aws-iot';
import * as firehose from 'aws-cdk-lib/aws-kinesisfirehose';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

import { addAlarm, addBucket, addDeadLetterAlarm, addQueue } from './parts';

const COLUMNS = {
  message_id: 'string',
  at: 'bigint',
  thing: 'string',
  context: 'string',
  type: 'string',
  temperature: 'double',
};
const PARQUET = 'org.apache.hadoop.hive.ql.io.parquet';
const SQL = "SELECT *, topic(4) AS thing, topic(3) AS context, topic(5) AS type FROM 'dt/home/+/+/climate'";

export function build(stack: Stack, name: string, operators: sns.ITopic): void {
  const scope = new Construct(stack, name);
  const bucket = addBucket(scope, 'Bucket', {
    lifecycleRules: [
      {
        id: 'ExpireQueryResults',
        prefix: 'queries/',
        expiration: Duration.days(7),
        noncurrentVersionExpiration: Duration.days(1),
      },
    ],
  });
  const table = addTable(scope, bucket);
  const stream = addDelivery(scope, bucket, table);
  addQueries(scope, bucket, table);
  addAlarms(scope, stream, operators);
  addRule(scope, stream, operators);
}

function addTable(scope: Construct, bucket: s3.Bucket): glue.CfnTable {
  const stack = Stack.of(scope);
  const databaseName = scope.node.id.toLowerCase();
  const database = new glue.CfnDatabase(scope, 'Database', {
    catalogId: stack.account,
    databaseInput: { name: databaseName },
  });
  const location = `s3://${bucket.bucketName}/telemetry/`;
  const table = new glue.CfnTable(scope, 'Table', {
    catalogId: stack.account,
    databaseName,
    tableInput: {
      name: 'telemetry',
      tableType: 'EXTERNAL_TABLE',
      partitionKeys: [{ name: 'hour', type: 'string' }],
      parameters: {
        classification: 'parquet',
        'projection.enabled': 'true',
        'projection.hour.type': 'date',
        'projection.hour.format': 'yyyy-MM-dd-HH',
        'projection.hour.range': 'NOW-10YEARS,NOW',
        'projection.hour.interval': '1',
        'projection.hour.interval.unit': 'HOURS',
        'storage.location.template': `${location}hour=\${hour}/`,
      },
      storageDescriptor: {
        columns: Object.entries(COLUMNS).map(([name, type]) => ({ name, type })),
        location,
        inputFormat: `${PARQUET}.MapredParquetInputFormat`,
        outputFormat: `${PARQUET}.MapredParquetOutputFormat`,
        serdeInfo: { serializationLibrary: `${PARQUET}.serde.ParquetHiveSerDe` },
      },
    },
  });
  table.node.addDependency(database);
  return table;
}

function addDelivery(scope: Construct, bucket: s3.Bucket, table: glue.CfnTable): firehose.CfnDeliveryStream {
  const stack = Stack.of(scope);
  const logGroup = new logs.LogGroup(scope, 'DeliveryLogs', {
    retention: logs.RetentionDays.THREE_MONTHS,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  const logStream = new logs.LogStream(scope, 'DeliveryLog', { logGroup, removalPolicy: RemovalPolicy.DESTROY });
  const role = new iam.Role(scope, 'DeliveryRole', {
    assumedBy: new iam.ServicePrincipal('firehose.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': stack.account } },
    }),
  });
  const policy = new iam.Policy(scope, 'DeliveryPolicy', {
    roles: [role],
    statements: deliveryStatements(bucket, table),
  });
  const logArn = stack.formatArn({
    service: 'logs',
    resource: 'log-group',
    resourceName: `${logGroup.logGroupName}:log-stream:${logStream.logStreamName}`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  policy.addStatements(new iam.PolicyStatement({ actions: ['logs:PutLogEvents'], resources: [logArn] }));
  const stream = new firehose.CfnDeliveryStream(scope, 'DeliveryStream', {
    deliveryStreamType: 'DirectPut',
    deliveryStreamEncryptionConfigurationInput: { keyType: 'AWS_OWNED_CMK' },
    extendedS3DestinationConfiguration: {
      bucketArn: bucket.bucketArn,
      roleArn: role.roleArn,
      prefix: 'telemetry/hour=!{timestamp:yyyy-MM-dd-HH}/',
      errorOutputPrefix: 'errors/!{firehose:error-output-type}/!{timestamp:yyyy-MM-dd}/',
      bufferingHints: { intervalInSeconds: 300, sizeInMBs: 128 },
      compressionFormat: 'UNCOMPRESSED',
      cloudWatchLoggingOptions: {
        enabled: true,
        logGroupName: logGroup.logGroupName,
        logStreamName: logStream.logStreamName,
      },
      dataFormatConversionConfiguration: {
        enabled: true,
        inputFormatConfiguration: { deserializer: { openXJsonSerDe: {} } },
        outputFormatConfiguration: { serializer: { parquetSerDe: { compression: 'SNAPPY' } } },
        schemaConfiguration: {
          catalogId: stack.account,
          databaseName: table.databaseName,
          tableName: 'telemetry',
          region: stack.region,
          roleArn: role.roleArn,
          versionId: 'LATEST',
        },
      },
    },
  });
  stream.node.addDependency(table, policy);
  return stream;
}

function deliveryStatements(bucket: s3.Bucket, table: glue.CfnTable): iam.PolicyStatement[] {
  const stack = Stack.of(bucket);
  const database = table.databaseName;
  return [
    new iam.PolicyStatement({
      actions: ['s3:PutObject', 's3:AbortMultipartUpload'],
      resources: [bucket.arnForObjects('telemetry/*'), bucket.arnForObjects('errors/*')],
    }),
    new iam.PolicyStatement({
      actions: ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'],
      resources: [bucket.bucketArn],
    }),
    new iam.PolicyStatement({
      actions: ['glue:GetTable', 'glue:GetTableVersion', 'glue:GetTableVersions'],
      resources: [
        stack.formatArn({ service: 'glue', resource: 'catalog' }),
        stack.formatArn({ service: 'glue', resource: 'database', resourceName: database }),
        stack.formatArn({ service: 'glue', resource: 'table', resourceName: `${database}/telemetry` }),
      ],
    }),
  ];
}

function addQueries(scope: Construct, bucket: s3.Bucket, table: glue.CfnTable): void {
  const workgroup = new athena.CfnWorkGroup(scope, 'Workgroup', {
    name: scope.node.id.toLowerCase(),
    recursiveDeleteOption: false,
    workGroupConfiguration: {
      enforceWorkGroupConfiguration: true,
      publishCloudWatchMetricsEnabled: true,
      bytesScannedCutoffPerQuery: 10_000_000_000,
      resultConfiguration: {
        outputLocation: `s3://${bucket.bucketName}/queries/`,
        encryptionConfiguration: { encryptionOption: 'SSE_S3' },
      },
    },
  });
  const query = new athena.CfnNamedQuery(scope, 'RecordsPerThing', {
    name: 'RecordsPerThing',
    database: table.databaseName,
    description: 'How many records of each thing arrived in the last 24 hours',
    queryString:
      'SELECT thing, count(DISTINCT message_id) AS records FROM telemetry ' +
      "WHERE hour >= date_format(current_timestamp - INTERVAL '24' HOUR, '%Y-%m-%d-%H') GROUP BY thing",
    workGroup: workgroup.name,
  });
  query.node.addDependency(workgroup, table);
}

function addAlarms(scope: Construct, stream: firehose.CfnDeliveryStream, operators: sns.ITopic): void {
  const metric = (metricName: string, minutes: number, statistic: string) =>
    new cloudwatch.Metric({
      namespace: 'AWS/Firehose',
      metricName,
      dimensionsMap: { DeliveryStreamName: stream.ref },
      period: Duration.minutes(minutes),
      statistic,
    });
  const late = metric('DeliveryToS3.DataFreshness', 1, 'max');
  addAlarm(scope, 'FreshnessAlarm', late, operators, 'Records wait for S3', { threshold: 900, evaluationPeriods: 3 });
  const unconverted = metric('FailedConversion.Records', 5, 'sum');
  addAlarm(scope, 'UnconvertedAlarm', unconverted, operators, 'Records do not fit the schema');
  const throttled = metric('ThrottledRecords', 1, 'sum');
  addAlarm(scope, 'ThrottledAlarm', throttled, operators, 'Records are refused', { evaluationPeriods: 3 });
}

function addRule(scope: Construct, stream: firehose.CfnDeliveryStream, operators: sns.ITopic): void {
  const stack = Stack.of(scope);
  const rules = stack.formatArn({ service: 'iot', resource: 'rule', resourceName: '*' });
  const role = new iam.Role(scope, 'RuleRole', {
    assumedBy: new iam.ServicePrincipal('iot.amazonaws.com').withConditions({
      StringEquals: { 'aws:SourceAccount': stack.account },
      ArnLike: { 'aws:SourceArn': rules },
    }),
  });
  const failed = addQueue(scope, 'ErrorQueue');
  addDeadLetterAlarm(scope, 'ErrorQueueAlarm', failed, operators);
  role.addToPolicy(new iam.PolicyStatement({ actions: ['sqs:SendMessage'], resources: [failed.queueArn] }));
  role.addToPolicy(new iam.PolicyStatement({ actions: ['firehose:PutRecord'], resources: [stream.attrArn] }));
  const rule = new iot.CfnTopicRule(scope, 'Rule', {
    topicRulePayload: {
      sql: SQL,
      awsIotSqlVersion: '2016-03-23',
      description: 'What devices measure',
      actions: [{ firehose: { deliveryStreamName: stream.ref, roleArn: role.roleArn, separator: '\n' } }],
      errorAction: { sqs: { queueUrl: failed.queueUrl, roleArn: role.roleArn, useBase64: false } },
    },
  });
  rule.node.addDependency(role);
  const lost = new cloudwatch.Metric({
    namespace: 'AWS/IoT',
    metricName: 'ErrorActionFailure',
    dimensionsMap: { RuleName: rule.ref },
    period: Duration.minutes(1),
    statistic: 'sum',
  });
  addAlarm(scope, 'LostMessagesAlarm', lost, operators, 'Messages were lost');
}
