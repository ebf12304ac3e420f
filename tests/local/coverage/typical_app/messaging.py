"""Queues, topics, events, workflows and devices."""

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_pipes as pipes
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from tests.local.coverage.typical_app.common import function


def messages(stack: Stack) -> None:
    key = kms.Key(stack, "Key", enable_key_rotation=True, alias="specimen/messages")
    dead = sqs.Queue(stack, "Dead", enforce_ssl=True)
    queue = sqs.Queue(
        stack,
        "Queue",
        encryption_master_key=key,
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=3),
    )
    topic = sns.Topic(stack, "Topic", master_key=key, enforce_ssl=True)
    topic.add_subscription(
        subscriptions.SqsSubscription(
            queue,
            raw_message_delivery=True,
            filter_policy={"kind": sns.SubscriptionFilter.string_filter(allowlist=["a"])},
        )
    )
    topic.add_subscription(subscriptions.EmailSubscription("ops@example.com"))
    fifo = sns.Topic(stack, "Fifo", fifo=True, content_based_deduplication=True)
    fifo.add_subscription(subscriptions.SqsSubscription(sqs.Queue(stack, "FifoQueue", fifo=True)))
    handler = function(stack, "Consumer", tracing=lambda_.Tracing.ACTIVE, dead_letter_queue=dead)
    handler.add_event_source(sources.SqsEventSource(queue, report_batch_item_failures=True, max_concurrency=2))


def events_and_workflows(stack: Stack) -> None:
    bus = events.EventBus(stack, "Bus")
    bus.archive("Archive", event_pattern=events.EventPattern(source=["shop"]), retention=Duration.days(7))
    wait = sfn.Wait(stack, "Wait", time=sfn.WaitTime.duration(Duration.seconds(1)))
    invoke = tasks.LambdaInvoke(stack, "Invoke", lambda_function=function(stack, "Step"))
    invoke.add_retry(errors=["TimeoutError"], max_attempts=2)
    machine = sfn.StateMachine(
        stack,
        "Machine",
        definition_body=sfn.DefinitionBody.from_chainable(wait.next(invoke).next(sfn.Succeed(stack, "Done"))),
        logs=sfn.LogOptions(destination=logs.LogGroup(stack, "MachineLog"), level=sfn.LogLevel.ALL),
        tracing_enabled=True,
    )
    dead = sqs.Queue(stack, "Dead")
    rule = events.Rule(stack, "Ordered", event_bus=bus, event_pattern=events.EventPattern(source=["shop"]))
    rule.add_target(targets.SfnStateMachine(machine, dead_letter_queue=dead, retry_attempts=2))
    rule.add_target(targets.CloudWatchLogGroup(logs.LogGroup(stack, "OrderLog")))
    events.Rule(stack, "Hourly", schedule=events.Schedule.rate(Duration.hours(1))).add_target(
        targets.LambdaFunction(function(stack, "Hour"))
    )
    connection = events.Connection(
        stack,
        "Connection",
        authorization=events.Authorization.api_key("x-key", secretsmanager.Secret(stack, "ApiKey").secret_value),
    )
    destination = events.ApiDestination(
        stack, "Destination", connection=connection, endpoint="https://example.com/hook"
    )
    rule.add_target(targets.ApiDestination(destination))
    scheduler.Schedule(
        stack,
        "Nightly",
        schedule=scheduler.ScheduleExpression.cron(hour="2", minute="0"),
        target=scheduler_targets.SqsSendMessage(dead, input=scheduler.ScheduleTargetInput.from_text("night")),
    )
    source, target = sqs.Queue(stack, "PipeSource"), sqs.Queue(stack, "PipeTarget")
    role = iam.Role(stack, "PipeRole", assumed_by=iam.ServicePrincipal("pipes.amazonaws.com"))
    source.grant_consume_messages(role)
    target.grant_send_messages(role)
    pipe = pipes.CfnPipe(stack, "Pipe", role_arn=role.role_arn, source=source.queue_arn, target=target.queue_arn)
    # A pipe is refused whose role may not read its source yet.
    pipe.node.add_dependency(role)


def devices(stack: Stack) -> None:
    policy = iot.CfnPolicy(
        stack,
        "Policy",
        policy_document={
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
        },
    )
    kind = iot.CfnThingType(stack, "Kind", thing_type_name="sensor")
    thing = iot.CfnThing(stack, "Thing", thing_name="sensor-1")
    thing.add_dependency(kind)
    iot.CfnThingGroup(stack, "Group", thing_group_name="sensors")
    bucket = s3.Bucket(stack, "Telemetry", removal_policy=RemovalPolicy.DESTROY, auto_delete_objects=True)
    role = iam.Role(stack, "RuleRole", assumed_by=iam.ServicePrincipal("iot.amazonaws.com"))
    bucket.grant_put(role)
    queue = sqs.Queue(stack, "Queue")
    queue.grant_send_messages(role)
    iot.CfnTopicRule(
        stack,
        "Rule",
        topic_rule_payload=iot.CfnTopicRule.TopicRulePayloadProperty(
            sql="SELECT * FROM 'dt/+/telemetry'",
            actions=[
                iot.CfnTopicRule.ActionProperty(
                    s3=iot.CfnTopicRule.S3ActionProperty(
                        bucket_name=bucket.bucket_name, key="${topic(2)}/${timestamp()}", role_arn=role.role_arn
                    )
                ),
                iot.CfnTopicRule.ActionProperty(
                    sqs=iot.CfnTopicRule.SqsActionProperty(queue_url=queue.queue_url, role_arn=role.role_arn)
                ),
            ],
        ),
    )
    iot.CfnRoleAlias(stack, "Alias", role_arn=role.role_arn)
    CfnOutput(stack, "PolicyArn", value=policy.attr_arn)
