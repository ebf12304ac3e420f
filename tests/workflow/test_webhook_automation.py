"""What WebhookAutomation promises in its templates."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match, Template
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, QueueConsumer, WebhookAutomation, WebhookSource
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.webhook_automation import build as example

FUNCTION_ARN = "arn:aws:lambda:us-east-1:111122223333:function:tickets"
SECRET_ARN = "arn:aws:secretsmanager:us-east-1:111122223333:secret:tracker-AbCdEf"
KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def worker(stack: Stack, construct_id: str = "Worker") -> lambda_.Function:
    # Any folder with an index.py does: templates are looked at, nothing runs.
    return add_function(
        stack,
        construct_id,
        handler="workflow/receiver",
        description="Stands for a user's function",
        invocation=Invocation.EVENT_SOURCE,
        timeout=Duration.seconds(20),
    )


@architecture
def defaults(stack: Stack) -> WebhookAutomation:
    return WebhookAutomation(stack, "Tracker", consumer=QueueConsumer(worker(stack)))


@architecture
def all_options(stack: Stack) -> WebhookAutomation:
    return WebhookAutomation(
        stack,
        "Tracker",
        consumer=QueueConsumer(worker(stack)),
        source=WebhookSource.standard_webhooks(path="/webhooks/v1-tracker", group_by="/issue/id"),
        throttle=apigatewayv2.ThrottleSettings(rate_limit=5, burst_limit=10),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
    )


@architecture
def existing_resources(stack: Stack) -> WebhookAutomation:
    return WebhookAutomation(
        stack,
        "Tracker",
        consumer=QueueConsumer(
            lambda_.Function.from_function_attributes(
                stack,
                "Worker",
                function_arn=FUNCTION_ARN,
                role=iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/tickets"),
            ),
            visibility_timeout=Duration.minutes(90),
        ),
        secret=secretsmanager.Secret.from_secret_complete_arn(stack, "Secret", SECRET_ARN),
        api=apigatewayv2.HttpApi.from_http_api_attributes(stack, "Api", http_api_id="a1b2c3"),
        bucket=s3.Bucket.from_bucket_attributes(
            stack,
            "Bucket",
            bucket_arn="arn:aws:s3:::existing-bucket",
            encryption_key=kms.Key.from_key_arn(stack, "Key", KEY_ARN),
        ),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-east-1:111122223333:alarms"),
    )


@architecture
def with_a_customer_managed_key(stack: Stack) -> WebhookAutomation:
    webhook = WebhookAutomation(
        stack,
        "Tracker",
        consumer=QueueConsumer(worker(stack)),
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    webhook.grant_replay(iam.Role(stack, "Operator", assumed_by=iam.AccountRootPrincipal()))
    return webhook


@architecture
def two_on_one_api(stack: Stack) -> list[WebhookAutomation]:
    first = WebhookAutomation(stack, "One", consumer=QueueConsumer(worker(stack)))
    other = WebhookSource.hmac_sha256(path="/other", delivery_header=None)
    return [
        first,
        WebhookAutomation(stack, "Two", consumer=QueueConsumer(worker(stack, "Second")), api=first.api, source=other),
    ]


@architecture
def inside_a_stage(app: App) -> WebhookAutomation:
    return defaults(Stack(Stage(app, "WebhookStage"), "Service"))


@architecture
def documented(stack: Stack) -> WebhookAutomation:
    return example(stack)


def statements(synthesised: Any, role: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in synthesised.resources("AWS::IAM::Policy").values()
        if any(f"Tracker{role}" in str(attached) for attached in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def actions(synthesised: Any, role: str) -> set[str]:
    found: set[str] = set()
    for statement in statements(synthesised, role):
        one_or_more = statement["Action"]
        found |= {one_or_more} if isinstance(one_or_more, str) else set(one_or_more)
    return found


def variables(synthesised: Any, function: str) -> dict[str, Any]:
    functions = synthesised.resources("AWS::Lambda::Function")
    (found,) = [item for logical_id, item in functions.items() if logical_id.startswith(f"Tracker{function}")]
    return dict(found["Properties"]["Environment"]["Variables"])


@pytest.mark.parametrize("build", [defaults, all_options, existing_resources], ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [defaults, all_options, existing_resources], ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(WebhookAutomation, synthesis(documented))


@pytest.mark.parametrize(
    "build",
    [defaults, all_options, existing_resources, with_a_customer_managed_key, two_on_one_api, inside_a_stage],
    ids=lambda build: build.__name__,
)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_receiver_can_keep_and_queue_and_read_nothing_but_its_secret(synthesis: Synthesis) -> None:
    allowed = actions(synthesis(defaults), "ReceiverFunctionRole")
    assert {action for action in allowed if action.startswith("s3:")} == {"s3:PutObject"}
    assert {action for action in allowed if action.startswith("secretsmanager:")} == {
        "secretsmanager:GetSecretValue",
        "secretsmanager:DescribeSecret",
    }
    assert not any(action.startswith("sqs:") and ("Receive" in action or "Delete" in action) for action in allowed)
    assert not any("Scan" in action or "Query" in action for action in allowed)


def test_replay_reads_accepted_inputs_only(synthesis: Synthesis) -> None:
    found = statements(synthesis(defaults), "ReplayFunctionRole")
    read = [one for one in found if one["Action"] == "s3:GetObject"]
    assert [one["Resource"]["Fn::Join"][1][-1] for one in read] == ["/accepted/*"]
    (listing,) = [one for one in found if one["Action"] == "s3:ListBucket"]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": "accepted/*"}}
    assert "s3:PutObject" not in actions(synthesis(defaults), "ReplayFunctionRole")


def test_deliveries_stay_in_order_and_failed_ones_are_kept(synthesis: Synthesis) -> None:
    queues = synthesis(defaults).resources("AWS::SQS::Queue")
    assert [queue["Properties"]["FifoQueue"] for queue in queues.values()] == [True, True]
    (work,) = [queue["Properties"] for queue in queues.values() if "RedrivePolicy" in queue["Properties"]]
    assert work["RedrivePolicy"]["maxReceiveCount"] == 5
    # Six times the handler's 20 seconds.
    assert work["VisibilityTimeout"] == 120
    ((_, mapping),) = synthesis(defaults).resources("AWS::Lambda::EventSourceMapping").items()
    assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_every_place_for_failures_has_an_alarm(synthesis: Synthesis) -> None:
    alarms = synthesis(all_options).resources("AWS::CloudWatch::Alarm").values()
    watched = {item["Properties"].get("MetricName") for item in alarms}
    # One of them is on an expression of two metrics.
    assert watched == {"ApproximateNumberOfMessagesVisible", "Errors", "RejectedDeliveries", None}
    for item in alarms:
        assert item["Properties"]["AlarmActions"] == item["Properties"]["OKActions"] != []


def test_raw_inputs_expire_and_refused_ones_sooner(synthesis: Synthesis) -> None:
    buckets = synthesis(defaults).resources("AWS::S3::Bucket").values()
    (rules,) = [item["Properties"]["LifecycleConfiguration"]["Rules"] for item in buckets if "rejected/" in str(item)]
    days = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule}
    assert days == {"accepted/": 90, "rejected/": 7}


def test_the_route_is_open_and_throttled(synthesis: Synthesis) -> None:
    ((_, route),) = synthesis(all_options).resources("AWS::ApiGatewayV2::Route").items()
    assert (route["Properties"]["RouteKey"], route["Properties"]["AuthorizationType"]) == (
        "POST /webhooks/v1-tracker",
        "NONE",
    )
    ((_, stage),) = synthesis(all_options).resources("AWS::ApiGatewayV2::Stage").items()
    assert stage["Properties"]["RouteSettings"] == {
        "POST /webhooks/v1-tracker": {"ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 10}
    }
    assert "AccessLogSettings" in stage["Properties"]


def test_the_receiver_knows_how_the_sender_signs(synthesis: Synthesis) -> None:
    standard = variables(synthesis(all_options), "ReceiverFunction")
    assert (standard["SCHEME"], standard["DELIVERY_HEADER"], standard["GROUP_BY"]) == (
        "standard-webhooks",
        "webhook-id",
        "/issue/id",
    )
    assert variables(synthesis(defaults), "ReceiverFunction")["SIGNATURE_HEADER"] == "x-hub-signature-256"


def test_equal_bodies_are_replays_where_the_signature_does_not_cover_the_id() -> None:
    assert WebhookSource.hmac_sha256().equal_bodies_are_replays
    assert not WebhookSource.hmac_sha256(equal_bodies_are_replays=False).equal_bodies_are_replays
    assert not WebhookSource.standard_webhooks().equal_bodies_are_replays
    # Without ids, a body is the id.
    assert not WebhookSource.hmac_sha256(delivery_header=None).equal_bodies_are_replays


def test_the_receiver_knows_whether_equal_bodies_are_replays(synthesis: Synthesis) -> None:
    for build, expected in ((defaults, "true"), (all_options, "false")):
        assert variables(synthesis(build), "ReceiverFunction")["EQUAL_BODIES_ARE_REPLAYS"] == expected


def test_what_is_brought_is_not_changed(synthesis: Synthesis) -> None:
    synthesised = synthesis(existing_resources)
    for kind in ("S3::Bucket", "SecretsManager::Secret", "ApiGatewayV2::Api", "ApiGatewayV2::Stage"):
        assert synthesised.resources(f"AWS::{kind}") == {}
    assert "kms:GenerateDataKey" in actions(synthesised, "ReceiverFunctionRole")
    assert synthesised.result.url is None


def test_all_that_is_created_is_encrypted_with_the_given_key(synthesis: Synthesis) -> None:
    synthesised = synthesis(with_a_customer_managed_key)
    key = {"Fn::GetAtt": ["Key961B73FD", "Arn"]}
    for kind, option in (
        ("SecretsManager::Secret", "KmsKeyId"),
        ("SQS::Queue", "KmsMasterKeyId"),
        ("Logs::LogGroup", "KmsKeyId"),
    ):
        found = {name: r for name, r in synthesised.resources(f"AWS::{kind}").items() if name.startswith("Tracker")}
        assert found
        assert [resource["Properties"][option] for resource in found.values()] == [key] * len(found)
    ((_, table),) = synthesised.resources("AWS::DynamoDB::GlobalTable").items()
    (replica,) = table["Properties"]["Replicas"]
    assert replica["SSESpecification"] == {"KMSMasterKeyId": key}
    (bucket,) = [
        resource
        for name, resource in synthesised.resources("AWS::S3::Bucket").items()
        if name.startswith("TrackerBucket")
    ]
    assert str(key) in str(bucket["Properties"]["BucketEncryption"])
    for role in ("ReceiverFunctionRole", "ReplayFunctionRole"):
        assert {"kms:Decrypt", "kms:GenerateDataKey"} <= {
            action.removesuffix("*") for action in actions(synthesised, role) if action.startswith("kms:")
        }
    worker_policy = str([p for n, p in synthesised.resources("AWS::IAM::Policy").items() if n.startswith("Worker")])
    assert "kms:Decrypt" in worker_policy


def test_what_holds_data_follows_the_removal_policy(synthesis: Synthesis) -> None:
    for build, policy in ((with_a_customer_managed_key, "Delete"), (defaults, "Retain")):
        synthesised = synthesis(build)
        for kind in ("S3::Bucket", "SecretsManager::Secret", "DynamoDB::GlobalTable", "Logs::LogGroup"):
            found = synthesised.resources(f"AWS::{kind}").items()
            own = [resource["DeletionPolicy"] for name, resource in found if name.startswith("Tracker")]
            assert set(own) == {policy}, kind


def test_log_retention_is_that_of_all_logs(synthesis: Synthesis) -> None:
    groups = synthesis(with_a_customer_managed_key).resources("AWS::Logs::LogGroup").items()
    assert {group["Properties"]["RetentionInDays"] for name, group in groups if name.startswith("Tracker")} == {7}


def test_an_operator_may_invoke_the_replay_function_and_nothing_else(synthesis: Synthesis) -> None:
    policies = synthesis(with_a_customer_managed_key).resources("AWS::IAM::Policy").items()
    (policy,) = [resource for name, resource in policies if name.startswith("Operator")]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "lambda:InvokeFunction"
    assert statement["Resource"]["Fn::GetAtt"][0].startswith("TrackerReplayFunction")


def test_metrics_and_alarms_are_those_of_this_webhook(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Measured")
    webhook = WebhookAutomation(
        stack, "Tracker", consumer=QueueConsumer(worker(stack)), alarm_topic=sns.Topic(stack, "Alarms")
    )
    assert webhook.metric_lag().metric_name == "ApproximateAgeOfOldestMessage"
    assert webhook.metric_dead_letters().dimensions == {"QueueName": webhook.dead_letter_queue.queue_name}
    for metric in (webhook.metric_accepted(), webhook.metric_rejected()):
        assert set(metric.dimensions or {}) == {"function_name", "service"}
    assert {alarm.node.id for alarm in webhook.alarms} == {
        "AllRejectedAlarm",
        "DeadLetterQueueAlarm",
        "ReceiverErrorsAlarm",
        "RejectedAlarm",
    }


def test_existing_resources_of_another_region_are_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Tokyo", env=Environment(region="ap-northeast-1"))
    secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Secret", SECRET_ARN)
    with pytest.raises(InvalidOptionError, match="secret is in us-east-1, but the stack is in ap-northeast-1"):
        WebhookAutomation(stack, "Tracker", consumer=QueueConsumer(worker(stack)), secret=secret)


def _secret_of_another_account(stack: Stack, **imported: Any) -> secretsmanager.ISecret:
    return secretsmanager.Secret.from_secret_attributes(stack, "Secret", **imported)


def test_a_secret_of_another_account_is_read_by_its_complete_arn_and_with_its_key(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop", env=Environment(region="us-east-1", account="444455556666"))
    key = kms.Key.from_key_arn(stack, "Key", KEY_ARN)
    secret = _secret_of_another_account(stack, secret_complete_arn=SECRET_ARN, encryption_key=key)
    webhook = WebhookAutomation(stack, "Tracker", consumer=QueueConsumer(worker(stack)), secret=secret)
    assert webhook.secret is secret
    said = Match.string_like_regexp("in account 111122223333.*resource policy allows.*GetSecretValue.*kms:Decrypt")
    Annotations.from_stack(stack).has_warning("/Shop/Tracker", said)
    statements = [
        statement
        for policy in Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Resource"] in [SECRET_ARN, KEY_ARN]
    ]
    assert [(statement["Action"], statement.get("Condition")) for statement in statements] == [
        (["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"], None),
        ("kms:Decrypt", {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}),
    ]


@pytest.mark.parametrize(
    ("imported", "lacks"),
    [
        ({"secret_complete_arn": SECRET_ARN}, "key"),
        ({"secret_partial_arn": SECRET_ARN.rpartition("-")[0]}, "complete ARN"),
    ],
)
def test_a_secret_of_another_account_that_cannot_be_read_is_refused(
    cdk_app: App, imported: dict[str, str], lacks: str
) -> None:
    stack = Stack(cdk_app, "Shop", env=Environment(region="us-east-1", account="444455556666"))
    secret = _secret_of_another_account(stack, **imported)
    message = f"secret is Shop/Secret, of account 111122223333 and imported without its {lacks}. Import it with"
    with pytest.raises(InvalidOptionError, match=message):
        WebhookAutomation(stack, "Tracker", consumer=QueueConsumer(worker(stack)), secret=secret)


SOURCES: list[tuple[Callable[..., WebhookSource], dict[str, Any], str]] = [
    (WebhookSource.hmac_sha256, {"path": "webhook"}, "path is 'webhook'.*Start it with /"),
    (WebhookSource.hmac_sha256, {"path": "/{id}"}, r"path is '/\{id\}'"),
    (WebhookSource.hmac_sha256, {"signature_header": "x y"}, "signature_header is 'x y'.*Use a header's name"),
    (WebhookSource.hmac_sha256, {"signature_header": ""}, "signature_header is ''"),
    (WebhookSource.hmac_sha256, {"delivery_header": ""}, "delivery_header is ''"),
    (WebhookSource.standard_webhooks, {"group_by": "issue.id"}, "group_by is 'issue.id'.*Use a JSON pointer"),
    (WebhookSource.hmac_sha256, {"encoding": "base32"}, 'encoding is \'base32\'.*"hex", "base64"'),
    (WebhookSource.standard_webhooks, {"header_prefix": "a b"}, "header_prefix is 'a b'"),
    (WebhookSource.shared_token, {"token_header": ""}, "token_header is ''"),
    (WebhookSource.secret_in_address, {"path": "/a/{secret}"}, r"path is '/a/\{secret\}'"),
    (WebhookSource.secret_in_address, {"delivery_pointer": "id"}, "delivery_pointer is 'id'.*JSON pointer"),
]


@pytest.mark.parametrize(("make", "options", "message"), SOURCES)
def test_wrong_sources_are_refused_where_they_are_made(
    make: Callable[..., WebhookSource], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidOptionError, match=f"WebhookSource: {message}"):
        make(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"throttle": apigatewayv2.ThrottleSettings(rate_limit=301)}, "throttle is 301 .*Use 1 to 300 requests"),
        ({"throttle": apigatewayv2.ThrottleSettings(burst_limit=0)}, "throttle is 0 requests of burst"),
    ],
)
def test_wrong_option_is_refused(options: dict[str, Any], message: str) -> None:
    stack = Stack()
    with pytest.raises(InvalidOptionError, match=message):
        WebhookAutomation(stack, "Tracker", consumer=QueueConsumer(worker(stack)), **options)


def test_deliveries_stay_hidden_as_long_as_the_consumer_says(synthesis: Synthesis) -> None:
    queues = synthesis(existing_resources).resources("AWS::SQS::Queue").values()
    (work,) = [queue["Properties"] for queue in queues if "RedrivePolicy" in queue["Properties"]]
    assert work["VisibilityTimeout"] == 6 * 15 * 60


@pytest.mark.parametrize(
    ("consumer", "message"),
    [
        (lambda _: QueueConsumer(), "consumer.function is missing"),
        (
            lambda stack: QueueConsumer(worker(stack), batching_window=Duration.seconds(5)),
            "batching_window was given for a FIFO queue",
        ),
    ],
)
def test_wrong_consumer_is_refused(consumer: Callable[[Stack], QueueConsumer], message: str) -> None:
    stack = Stack()
    with pytest.raises(InvalidOptionError, match=message):
        WebhookAutomation(stack, "Tracker", consumer=consumer(stack))
