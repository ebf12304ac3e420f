// Users upload pictures straight to S3 with signed forms; a function checks the bytes and announces those that passed.
import * as path from 'node:path';

import { Duration, type Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as events from 'aws-cdk-lib/aws-events';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sns from 'aws-cdk-lib/aws-sns';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

import { addAlarm, addBucket, addDeadLetterAlarm, addFunction, addQueue, LIBRARY } from './parts';

const RULES = { CONTENT_TYPES: '["image/jpeg"]', MAX_BYTES: '10000000' };
const ORIGINS = ['https://www.example.com'];

export interface Upload {
  bucket: s3.Bucket;
  topic: sns.Topic;
  formFunction: lambda.Function;
}

export function build(stack: Stack, name: string, operators: sns.ITopic): void {
  addUpload(stack, name, operators);
}

export function addUpload(stack: Stack, name: string, operators: sns.ITopic): Upload {
  const scope = new Construct(stack, name);
  const bucket = addUploadBucket(scope);
  const key = new kms.Key(scope, 'Key', {
    enableKeyRotation: true,
    description: 'Encrypts the topic of accepted uploads',
  });
  const topic = new sns.Topic(scope, 'Accepted', { masterKey: key, enforceSSL: true });
  const formFunction = addFunction(scope, 'FormFunction', 'upload/form', 'Signs forms', {
    environment: { ...RULES, BUCKET: bucket.bucketName, EXPIRES_IN: '300', INCOMING_PREFIX: 'incoming/' },
  });
  new iam.Policy(scope, 'FormObjects', {
    roles: [formFunction.role as iam.IRole],
    statements: [
      new iam.PolicyStatement({ actions: ['s3:PutObject'], resources: [bucket.arnForObjects('incoming/*')] }),
    ],
  });
  const failed = addQueue(scope, 'DeadLetterQueue');
  addDeadLetterAlarm(scope, 'DeadLetterQueueAlarm', failed, operators);
  const queue = addQueue(scope, 'Queue', { deadLetterQueue: failed, visibilityTimeout: Duration.minutes(3) });
  const confirmation = addConfirmation(scope, bucket, topic, key);
  new lambda.EventSourceMapping(scope, 'Confirmation', {
    target: confirmation,
    eventSourceArn: queue.queueArn,
    batchSize: 5,
    maxConcurrency: 10,
    reportBatchItemFailures: true,
  });
  queue.grantConsumeMessages(confirmation);
  queueEvents(scope, bucket, queue, failed);
  const rejected = new cloudwatch.Metric({
    namespace: 'CdpConstructs',
    metricName: 'RejectedUploads',
    dimensionsMap: { service: 'ConfirmationFunction', function_name: confirmation.functionName },
    period: Duration.minutes(5),
    statistic: 'sum',
  });
  addAlarm(scope, 'RejectedAlarm', rejected, operators, 'Many uploads were rejected', { threshold: 10 });
  return { bucket, topic, formFunction };
}

function addUploadBucket(scope: Construct): s3.Bucket {
  const bucket = addBucket(scope, 'Bucket', {
    cors: [
      {
        allowedHeaders: ['Content-Type', 'Content-MD5'],
        allowedMethods: [s3.HttpMethods.POST, s3.HttpMethods.PUT],
        allowedOrigins: ORIGINS,
        exposedHeaders: ['ETag'],
        maxAge: 3000,
      },
    ],
    lifecycleRules: [
      {
        id: 'ExpireUnconfirmed',
        prefix: 'incoming/',
        expiration: Duration.days(1),
        noncurrentVersionExpiration: Duration.days(14),
      },
      {
        id: 'ExpireQuarantined',
        prefix: 'quarantine/',
        expiration: Duration.days(30),
        noncurrentVersionExpiration: Duration.days(1),
      },
      { id: 'RemoveLoneDeleteMarkers', expiredObjectDeleteMarker: true },
    ],
  });
  const resource = bucket.node.defaultChild as s3.CfnBucket;
  resource.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
  return bucket;
}

function addConfirmation(scope: Construct, bucket: s3.Bucket, topic: sns.Topic, key: kms.Key): lambda.Function {
  const correlation = new lambda.LayerVersion(scope, 'Correlation', {
    code: lambda.Code.fromAsset(path.join(LIBRARY, 'core/layers/correlation'), { exclude: ['__pycache__'] }),
    description: 'Module correlation',
  });
  const confirmation = addFunction(
    scope,
    'ConfirmationFunction',
    'upload/confirmation',
    'Checks uploaded files by their bytes',
    {
      environment: {
        ...RULES,
        ACCEPTED_PREFIX: 'accepted/',
        QUARANTINE_PREFIX: 'quarantine/',
        TEXT_ENCODINGS: '["utf-8"]',
        TOPIC_ARN: topic.topicArn,
        POWERTOOLS_METRICS_NAMESPACE: 'CdpConstructs',
      },
      layers: [correlation],
      timeout: Duration.seconds(30),
    },
  );
  const objects = (prefix: string) => bucket.arnForObjects(`${prefix}/*`);
  new iam.Policy(scope, 'ConfirmationObjects', {
    roles: [confirmation.role as iam.IRole],
    statements: [
      new iam.PolicyStatement({
        actions: ['s3:GetObject', 's3:GetObjectVersion', 's3:DeleteObject', 's3:DeleteObjectVersion'],
        resources: [objects('incoming')],
      }),
      new iam.PolicyStatement({ actions: ['s3:GetObject', 's3:PutObject'], resources: [objects('accepted')] }),
      new iam.PolicyStatement({
        actions: ['s3:PutObject', 's3:PutObjectTagging'],
        resources: [objects('quarantine')],
      }),
      new iam.PolicyStatement({
        actions: ['s3:ListBucket', 's3:ListBucketVersions'],
        resources: [bucket.bucketArn],
      }),
      new iam.PolicyStatement({ actions: ['sns:Publish'], resources: [topic.topicArn] }),
    ],
  });
  key.grant(confirmation, 'kms:Decrypt', 'kms:GenerateDataKey');
  return confirmation;
}

function queueEvents(scope: Construct, bucket: s3.Bucket, queue: sqs.Queue, failed: sqs.Queue): void {
  const rule = new events.CfnRule(scope, 'Uploads', {
    description: 'Objects below incoming/',
    eventPattern: {
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: { bucket: { name: [bucket.bucketName] }, object: { key: [{ prefix: 'incoming/' }] } },
    },
    targets: [{ id: 'Queue', arn: queue.queueArn, deadLetterConfig: { arn: failed.queueArn } }],
  });
  for (const target of [queue, failed]) {
    target.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [new iam.ServicePrincipal('events.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [target.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': rule.attrArn } },
      }),
    );
  }
}
