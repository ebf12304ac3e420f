// A fan-out to two queues: encrypted, TLS only, dead-letter queues, alarms.
import { Duration, type Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

import { addAlarm, addDeadLetterAlarm, addQueue } from './parts';

export function build(stack: Stack, name: string, operators: sns.ITopic, existing?: sns.Topic): void {
  const scope = new Construct(stack, name);
  const key =
    existing?.masterKey ??
    new kms.Key(scope, 'Key', { enableKeyRotation: true, description: 'Encrypts topic and queues' });
  const topic = existing ?? new sns.Topic(scope, 'Topic', { masterKey: key, enforceSSL: true });
  key.addToResourcePolicy(
    new iam.PolicyStatement({
      principals: [new iam.ServicePrincipal('sns.amazonaws.com')],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:SourceAccount': stack.account } },
    }),
  );
  const lost = topic.metric('NumberOfNotificationsFailedToRedriveToDlq', {
    period: Duration.minutes(1),
    statistic: 'sum',
  });
  addAlarm(scope, 'LostMessagesAlarm', lost, operators, 'SNS lost messages');
  for (const subscriber of ['Billing', 'Archive']) {
    const failed = addQueue(scope, `${subscriber}DeadLetterQueue`, { key });
    const undelivered = addQueue(scope, `${subscriber}SubscriptionDeadLetterQueue`, { key });
    const work = addQueue(scope, `${subscriber}Queue`, {
      key,
      deadLetterQueue: failed,
      visibilityTimeout: Duration.seconds(60),
    });
    // Not topic.addSubscription(): with one key for topic and queues its key policy would name the topic, a circle.
    new sns.Subscription(scope, `${subscriber}Subscription`, {
      topic,
      protocol: sns.SubscriptionProtocol.SQS,
      endpoint: work.queueArn,
      rawMessageDelivery: true,
      deadLetterQueue: undelivered,
      filterPolicy: { kind: sns.SubscriptionFilter.stringFilter({ allowlist: ['order'] }) },
    });
    work.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [new iam.ServicePrincipal('sns.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [work.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': topic.topicArn } },
      }),
    );
    addDeadLetterAlarm(scope, `${subscriber}DeadLetterQueueAlarm`, failed, operators);
    addDeadLetterAlarm(scope, `${subscriber}SubscriptionDeadLetterQueueAlarm`, undelivered, operators);
  }
}
