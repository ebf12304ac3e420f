// Files of a private bucket, through CloudFront, for those who have a signature; keys are rotated.
import { CustomResource, Duration, Stack } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

import { accessLogs, addAlarm, addBucket, addFunction } from './parts';

const CLOUDFRONT_ACTIONS = [
  ...['KeyGroup', 'PublicKey'].flatMap((thing) =>
    ['Create', 'Delete', 'Get'].map((verb) => `cloudfront:${verb}${thing}`),
  ),
  'cloudfront:ListKeyGroups',
  'cloudfront:ListPublicKeys',
  'cloudfront:UpdateKeyGroup',
];

export function build(stack: Stack, name: string, operators: sns.ITopic): void {
  addPrivateCdn(stack, name, operators);
}

export function addPrivateCdn(
  stack: Stack,
  name: string,
  operators: sns.ITopic,
  options: { bucket?: s3.IBucket; originPath?: string } = {},
): lambda.Function {
  const scope = new Construct(stack, name);
  const bucket = options.bucket ?? addBucket(scope, 'Bucket');
  const secret = new secretsmanager.Secret(scope, 'Secret', {
    description: 'Private key that signs URLs and cookies',
  });
  const keys = addKeys(scope, secret, operators);
  const distribution = new cloudfront.Distribution(scope, 'Distribution', {
    comment: name,
    httpVersion: cloudfront.HttpVersion.HTTP2_AND_3,
    enableLogging: true,
    logBucket: accessLogs(stack),
    logFilePrefix: `cloudfront/${name}/`,
    defaultBehavior: {
      origin: origins.S3BucketOrigin.withOriginAccessControl(bucket, { originPath: options.originPath }),
      allowedMethods: cloudfront.AllowedMethods.ALLOW_GET_HEAD,
      cachePolicy: cloudfront.CachePolicy.CACHING_OPTIMIZED,
      compress: true,
      responseHeadersPolicy: addHeaders(scope),
      trustedKeyGroups: [cloudfront.KeyGroup.fromKeyGroupId(scope, 'KeyGroup', keys.ref)],
      viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
    },
  });
  const signing = addFunction(scope, 'SigningFunction', 'delivery/url_signing', 'Signs URLs and cookies', {
    environment: {
      DOMAIN_NAME: distribution.domainName,
      POWERTOOLS_PARAMETERS_MAX_AGE: '300',
      SIGNING_SECRET: secret.secretArn,
      USER_PREFIX: '{sub}/',
    },
    memorySize: 512,
  });
  secret.grantRead(signing);
  // The CDK leaves out the dimension Region, without which CloudFront publishes nothing.
  const errors = distribution.metric5xxErrorRate({
    dimensionsMap: { DistributionId: distribution.distributionId, Region: 'Global' },
    period: Duration.minutes(5),
    region: 'us-east-1',
  });
  addAlarm(scope, 'ServerErrorsAlarm', errors, operators, 'Answers 5xx', { threshold: 5, evaluationPeriods: 2 });
  return signing;
}

function addKeys(scope: Construct, secret: secretsmanager.Secret, operators: sns.ITopic): CustomResource {
  const rotating = addFunction(scope, 'RotationFunction', 'delivery/key_rotation', 'Makes and rotates key pairs', {
    environment: { KEY_GROUP_NAME: scope.node.id },
    memorySize: 512,
    timeout: Duration.minutes(1),
  });
  const permission = new lambda.CfnPermission(scope, 'InvokedByRotation', {
    action: 'lambda:InvokeFunction',
    functionName: rotating.functionArn,
    principal: 'secretsmanager.amazonaws.com',
    sourceAccount: Stack.of(scope).account,
  });
  const policy = new iam.Policy(scope, 'KeyManagement', {
    roles: [rotating.role as iam.IRole],
    statements: [
      new iam.PolicyStatement({
        actions: [
          'secretsmanager:DescribeSecret',
          'secretsmanager:GetSecretValue',
          'secretsmanager:PutSecretValue',
          'secretsmanager:UpdateSecretVersionStage',
        ],
        resources: [secret.secretArn],
      }),
      new iam.PolicyStatement({ actions: CLOUDFRONT_ACTIONS, resources: ['*'] }),
    ],
  });
  const keys = new CustomResource(scope, 'Keys', {
    resourceType: 'Custom::CloudFrontSigningKeys',
    serviceToken: rotating.functionArn,
    serviceTimeout: Duration.minutes(3),
    properties: { SecretId: secret.secretArn },
  });
  keys.node.addDependency(policy);
  const rotation = new secretsmanager.CfnRotationSchedule(scope, 'Rotation', {
    secretId: secret.secretArn,
    rotationLambdaArn: rotating.functionArn,
    rotateImmediatelyOnUpdate: false,
    rotationRules: { automaticallyAfterDays: 90 },
  });
  rotation.node.addDependency(keys, permission);
  const errors = rotating.metricErrors({ period: Duration.minutes(5), statistic: 'sum' });
  addAlarm(scope, 'RotationAlarm', errors, operators, 'The signing key could not be rotated');
  return keys;
}

function addHeaders(scope: Construct): cloudfront.ResponseHeadersPolicy {
  return new cloudfront.ResponseHeadersPolicy(scope, 'SecurityHeaders', {
    securityHeadersBehavior: {
      strictTransportSecurity: { accessControlMaxAge: Duration.days(365), includeSubdomains: true, override: true },
      contentTypeOptions: { override: true },
      frameOptions: { frameOption: cloudfront.HeadersFrameOption.DENY, override: true },
      referrerPolicy: { referrerPolicy: cloudfront.HeadersReferrerPolicy.NO_REFERRER, override: true },
      contentSecurityPolicy: {
        contentSecurityPolicy: "default-src 'none'; img-src 'self'; sandbox",
        override: true,
      },
    },
  });
}
