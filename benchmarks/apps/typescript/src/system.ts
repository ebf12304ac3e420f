// A photo service: users sign in and upload, two services learn of pictures, a CDN delivers them, frames report.
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as apigatewayv2 from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as cognito from 'aws-cdk-lib/aws-cognito';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

import * as fanOut from './fan_out';
import * as iotToFirehose from './iot_to_firehose';
import { addAlarm } from './parts';
import { addPrivateCdn } from './private_cdn';
import { addUpload } from './upload';

const ORIGINS = ['https://www.example.com'];
const LOGGED = { request: '$context.requestId', user: '$context.authorizer.claims.sub', status: '$context.status' };

export function build(stack: Stack, name: string, operators: sns.ITopic): void {
  const scope = new Construct(stack, `${name}Api`);
  const api = addApi(scope, addUsers(scope, operators));
  watch(scope, api, operators);
  const upload = addUpload(stack, `${name}Pictures`, operators);
  addRoute(api, '/uploads', upload.formFunction);
  fanOut.build(stack, `${name}Accepted`, operators, upload.topic);
  const sign = addPrivateCdn(stack, `${name}Files`, operators, { bucket: upload.bucket, originPath: '/accepted' });
  addRoute(api, '/downloads', sign);
  iotToFirehose.build(stack, `${name}Frames`, operators);
}

function addUsers(scope: Construct, operators: sns.ITopic): HttpJwtAuthorizer {
  const pool = new cognito.UserPool(scope, 'Users', {
    selfSignUpEnabled: true,
    signInAliases: { email: true },
    signInCaseSensitive: false,
    autoVerify: { email: true },
    keepOriginal: { email: true },
    passwordPolicy: {
      minLength: 12,
      requireDigits: true,
      requireLowercase: true,
      requireUppercase: true,
      requireSymbols: true,
      tempPasswordValidity: Duration.days(3),
    },
    mfa: cognito.Mfa.OPTIONAL,
    mfaSecondFactor: { otp: true, sms: false },
    accountRecovery: cognito.AccountRecovery.EMAIL_ONLY,
    featurePlan: cognito.FeaturePlan.ESSENTIALS,
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  const client = pool.addClient('Client', {
    authFlows: { userSrp: true },
    disableOAuth: true,
    generateSecret: false,
    preventUserExistenceErrors: true,
    enableTokenRevocation: true,
    accessTokenValidity: Duration.hours(4),
    idTokenValidity: Duration.hours(4),
    refreshTokenValidity: Duration.days(90),
    refreshTokenRotationGracePeriod: Duration.seconds(60),
  });
  const throttled = new cloudwatch.Metric({
    namespace: 'AWS/Cognito',
    metricName: 'SignInThrottles',
    dimensionsMap: { UserPool: pool.userPoolId, UserPoolClient: client.userPoolClientId },
    period: Duration.minutes(5),
    statistic: 'sum',
  });
  addAlarm(scope, 'ThrottledSignInsAlarm', throttled, operators, 'Cognito throttles sign-ins');
  const issuer = `https://cognito-idp.${Stack.of(scope).region}.amazonaws.com/${pool.userPoolId}`;
  return new HttpJwtAuthorizer('SignedIn', issuer, { jwtAudience: [client.userPoolClientId] });
}

function addApi(scope: Construct, authorizer: HttpJwtAuthorizer): apigatewayv2.HttpApi {
  const api = new apigatewayv2.HttpApi(scope, 'Api', {
    defaultAuthorizer: authorizer,
    corsPreflight: {
      allowOrigins: ORIGINS,
      allowMethods: [apigatewayv2.CorsHttpMethod.GET, apigatewayv2.CorsHttpMethod.POST],
      allowHeaders: ['authorization', 'content-type'],
      maxAge: Duration.hours(1),
    },
  });
  const logGroup = new logs.LogGroup(scope, 'AccessLogs', {
    retention: logs.RetentionDays.THREE_MONTHS,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  const stage = api.defaultStage?.node.defaultChild as apigatewayv2.CfnStage;
  stage.accessLogSettings = { destinationArn: logGroup.logGroupArn, format: JSON.stringify(LOGGED) };
  stage.defaultRouteSettings = {
    throttlingRateLimit: 5000,
    throttlingBurstLimit: 2500,
    detailedMetricsEnabled: true,
  };
  return api;
}

function watch(scope: Construct, api: apigatewayv2.HttpApi, operators: sns.ITopic): void {
  const errors = api.metricServerError({ period: Duration.minutes(1), statistic: 'sum' });
  addAlarm(scope, 'ServerErrorsAlarm', errors, operators, 'Answers 5xx', { threshold: 5, evaluationPeriods: 2 });
  const latency = api.metricLatency({ period: Duration.minutes(1), statistic: 'p99' });
  addAlarm(scope, 'LatencyAlarm', latency, operators, 'Slow answers', { threshold: 2000, evaluationPeriods: 5 });
}

function addRoute(api: apigatewayv2.HttpApi, path: string, handler: lambda.IFunction): void {
  const integration = new HttpLambdaIntegration(handler.node.id, handler);
  api.addRoutes({ path, methods: [apigatewayv2.HttpMethod.POST], integration });
}
