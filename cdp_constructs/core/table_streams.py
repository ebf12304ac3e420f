"""One way to let a function read a table's stream: what it may drop, how long it tries, and where failures go."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge, acknowledge_each
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.event_sources import consume_stream
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minute, minutes

__all__ = ["add_stream_age_alarm", "let_read_table_stream", "look_up_stream", "read_table_stream"]


def read_table_stream(
    scope: Construct,
    construct_id: str,
    function: lambda_.Function,
    *,
    stream_arn: str,
    filters: Sequence[Mapping[str, Any]],
    dead_letter_queue: sqs.IQueue,
) -> lambda_.EventSourceMapping:
    """Let a function work on the changes of a table, in batches that are cut where a record fails.

    Args:
        scope: The pattern or stack that owns the function.
        construct_id: Id of the event source mapping inside ``scope``.
        function: Returns ``batchItemFailures``, or raises when the first record of a batch failed.
        stream_arn: Of the table, from the oldest record on.
        filters: Patterns of records; Lambda drops what fits none of them, free of charge.
        dead_letter_queue: Receives the places of the stream that were given up; Lambda sends with the
            function's role, which the caller lets use the queue's key.
    """
    let_read_table_stream(function, stream_arn)
    # Not grant_send_messages(): with a key it would also grant kms:GenerateDataKey*, of which SQS needs one action.
    function.add_to_role_policy(
        iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[dead_letter_queue.queue_arn])
    )
    return consume_stream(
        scope,
        construct_id,
        function,
        stream_arn=stream_arn,
        dead_letter_queue=dead_letter_queue,
        filters=[{"pattern": json.dumps(one, separators=(",", ":"))} for one in filters],
        # A batch is read once and published ten at a time: the last of 100 waits for ten requests of about 15 ms,
        # less than the last of 25 did when each had its own. More would save little, because requests are full,
        # and a record that fails would have more of its neighbours published twice. Consumers order messages
        # themselves, so a busy shard may be worked on by several at once.
        batch_size=100,
        parallelization_factor=10,
        # A record that never succeeds holds up its shard, a topic that is down for a while must not lose any: at
        # most an hour for both, and then the queue says which part of the stream was left out.
        max_record_age=Duration.hours(1),
    )


def let_read_table_stream(function: lambda_.Function, stream_arn: str) -> None:
    """Let a function's mapping read the stream of a table."""
    function.add_to_role_policy(
        iam.PolicyStatement(
            actions=["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
            resources=[stream_arn],
        )
    )
    # Lambda checks it when it makes the mapping, and IAM knows no resource for it:
    # https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    function.add_to_role_policy(iam.PolicyStatement(actions=["dynamodb:ListStreams"], resources=["*"]))
    acknowledge(
        function.role or function,
        "AwsSolutions-IAM5[Resource::*]",
        "Names of streams only: Lambda wants it of the role of a mapping, and IAM has no resource for it.",
    )


def add_stream_age_alarm(
    scope: Construct, construct_id: str, function: lambda_.IFunction, *, alarm_topic: sns.ITopic | None
) -> None:
    """Add the alarm of a function that is a minute behind the table.

    Args:
        scope: The pattern or stack that owns the function.
        construct_id: Id of the alarm inside ``scope``.
        function: Reads the stream.
        alarm_topic: Receives the alarm; None leaves it out.
    """
    add_alarm(
        scope,
        construct_id,
        function.metric("IteratorAge", period=minute(), statistic="max"),
        alarm_topic=alarm_topic,
        threshold=60_000,  # milliseconds
        evaluation_periods=3,
        description=f"{path_of(scope)}: consumers get messages a minute late or more. Look at the publisher's "
        "errors and throttles.",
    )


def look_up_stream(scope: Construct, construct_id: str, table: dynamodb.ITable) -> str:
    """Return the ARN of a table's stream, looked up at deployment: CloudFormation returns the home Region's only.

    Args:
        scope: The pattern or stack that reads the stream.
        construct_id: Id of the custom resource inside ``scope``; its log group is ``<construct_id>Logs``.
        table: A table of this Region, such as the replica of a global table.
    """
    # Imported here: a table of this stack says what its stream is.
    from aws_cdk import aws_logs as logs
    from aws_cdk import custom_resources as cr

    lookup = cr.AwsCustomResource(
        scope,
        construct_id,
        resource_type="Custom::TableStream",
        on_update=cr.AwsSdkCall(
            service="DynamoDB",
            action="DescribeTable",
            parameters={"TableName": table.table_name},
            output_paths=["Table.LatestStreamArn"],
            physical_resource_id=cr.PhysicalResourceId.from_response("Table.LatestStreamArn"),
        ),
        policy=cr.AwsCustomResourcePolicy.from_statements(
            [iam.PolicyStatement(actions=["dynamodb:DescribeTable"], resources=[table.table_arn])]
        ),
        install_latest_aws_sdk=False,
        memory_size=256,
        timeout=minutes(1),
        log_group=logs.LogGroup(
            scope,
            f"{construct_id}Logs",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        ),
    )
    _acknowledge_provider(stack_of(scope))
    return lookup.get_response_field("Table.LatestStreamArn")


def _acknowledge_provider(stack: Stack) -> None:
    """Accept how CDK makes the function behind every AwsCustomResource of a stack."""
    from aws_cdk import custom_resources as cr

    uuid = cr.AwsCustomResource.PROVIDER_FUNCTION_UUID.replace("-", "")
    provider = stack.node.find_child(f"AWS{uuid}")
    managed = "Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    called = "CloudFormation calls it during a deployment, waits for its answer, and fails the deployment without one."
    acknowledge_each(
        provider,
        {
            f"AwsSolutions-IAM4[{managed}]": "CDK's own function: it may write its logs, nothing else.",
            "Serverless-LambdaDLQ": called,
            "Serverless-LambdaTracing": called,
        },
    )
