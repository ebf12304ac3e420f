"""What DirectObjectUpload promises in its templates."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import DirectObjectUpload, InvalidOptionError
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.direct_object_upload import build as example

ORIGINS = ["https://www.example.com"]
KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@architecture
def defaults(stack: Stack) -> DirectObjectUpload:
    return DirectObjectUpload(stack, "Pictures", content_types=["image/jpeg"], max_size_mb=10, allowed_origins=ORIGINS)


@architecture
def all_options(stack: Stack) -> DirectObjectUpload:
    return DirectObjectUpload(
        stack,
        "Pictures",
        content_types=["video/mp4", "image/jpeg"],
        max_size_mb=5000,
        allowed_origins=[*ORIGINS, "http://localhost:5173"],
        expiry=Duration.hours(1),
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
    )


@architecture
def existing_resources(stack: Stack) -> DirectObjectUpload:
    key = kms.Key.from_key_arn(stack, "Key", KEY_ARN)
    return DirectObjectUpload(
        stack,
        "Pictures",
        content_types=["image/jpeg"],
        max_size_mb=10,
        bucket=s3.Bucket.from_bucket_attributes(
            stack, "Bucket", bucket_arn="arn:aws:s3:::existing-bucket", encryption_key=key
        ),
        encryption_key=key,
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-east-1:111122223333:alarms"),
    )


@architecture
def short_lived(stack: Stack) -> DirectObjectUpload:
    """For a test: everything goes with the stack; messages go to an existing topic."""
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    return DirectObjectUpload(
        stack,
        "Pictures",
        content_types=["image/jpeg"],
        max_size_mb=10,
        allowed_origins=ORIGINS,
        topic=sns.Topic(stack, "Files", master_key=key, enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )


@architecture
def two_in_one_stack(stack: Stack) -> list[DirectObjectUpload]:
    first = DirectObjectUpload(stack, "One", content_types=["image/png"], max_size_mb=1, allowed_origins=ORIGINS)
    second = DirectObjectUpload(stack, "Two", content_types=["text/csv"], max_size_mb=1, allowed_origins=ORIGINS)
    return [first, second]


@architecture
def inside_a_stage(app: App) -> DirectObjectUpload:
    stage = Stage(app, "UploadStage")
    return defaults(Stack(stage, "Service"))


@architecture
def bucket_of_another_stack(app: App) -> DirectObjectUpload:
    bucket = add_private_bucket(Stack(app, "UploadStorage"), "Files", event_bridge_enabled=True)
    service = Stack(app, "UploadService")
    return DirectObjectUpload(service, "Pictures", content_types=["image/jpeg"], max_size_mb=10, bucket=bucket)


architecture(example)


def environment(synthesised: Any, function: str) -> dict[str, Any]:
    functions = synthesised.resources("AWS::Lambda::Function")
    (found,) = [item for logical_id, item in functions.items() if logical_id.startswith(f"Pictures{function}")]
    return dict(found["Properties"]["Environment"]["Variables"])


def statements(synthesised: Any, role: str) -> list[dict[str, Any]]:
    """All statements of the policies attached to one role."""
    return [
        statement
        for policy in synthesised.resources("AWS::IAM::Policy").values()
        if any(attached["Ref"].startswith(f"Pictures{role}") for attached in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def actions_by_resource(synthesised: Any, role: str) -> dict[str, set[str]]:
    """What a role may do, by the end of the resource's ARN."""
    found: dict[str, set[str]] = {}
    for statement in statements(synthesised, role):
        actions = statement["Action"]
        for resource in statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]:
            end = resource["Fn::Join"][1][-1] if isinstance(resource, dict) and "Fn::Join" in resource else resource
            name = end if isinstance(end, str) else str(next(iter(end.values())))
            found.setdefault(name, set()).update([actions] if isinstance(actions, str) else actions)
    return found


@pytest.mark.parametrize("build", [defaults, all_options, existing_resources], ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [defaults, all_options, existing_resources], ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(DirectObjectUpload, synthesis(example))


@pytest.mark.parametrize(
    "build",
    [defaults, all_options, existing_resources, short_lived, two_in_one_stack, inside_a_stage, bucket_of_another_stack],
    ids=lambda build: build.__name__,
)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_bucket_is_private_versioned_and_tls_only(synthesis: Synthesis) -> None:
    template = synthesis(defaults).template
    template.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "VersioningConfiguration": {"Status": "Enabled"},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        },
    )
    policies = synthesis(defaults).resources("AWS::S3::BucketPolicy").values()
    denied = [
        statement
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert len(denied) == len(policies) == 2


def test_only_the_named_origins_may_upload(synthesis: Synthesis) -> None:
    buckets = synthesis(all_options).resources("AWS::S3::Bucket").values()
    (rules,) = [item["Properties"]["CorsConfiguration"]["CorsRules"] for item in buckets if "Cors" in str(item)]
    assert [(rule["AllowedOrigins"], rule["AllowedMethods"]) for rule in rules] == [
        (["https://www.example.com", "http://localhost:5173"], ["POST", "PUT"])
    ]


def test_leftovers_expire(synthesis: Synthesis) -> None:
    buckets = synthesis(defaults).resources("AWS::S3::Bucket").values()
    (rules,) = [
        item["Properties"]["LifecycleConfiguration"]["Rules"] for item in buckets if "incoming/" in json.dumps(item)
    ]
    by_id = {rule["Id"]: rule for rule in rules}
    assert by_id["ExpireUnconfirmed"]["Prefix"] == "incoming/"
    assert by_id["ExpireUnconfirmed"]["ExpirationInDays"] == 1
    # An event can wait 14 days in the queues; its version must be readable so long.
    assert by_id["ExpireUnconfirmed"]["NoncurrentVersionExpiration"]["NoncurrentDays"] >= 14
    assert (by_id["ExpireQuarantined"]["Prefix"], by_id["ExpireQuarantined"]["ExpirationInDays"]) == ("quarantine/", 30)
    assert by_id["AbortIncompleteMultipartUploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_arrived_objects_reach_the_queue_or_its_dead_letter_queue(synthesis: Synthesis) -> None:
    synthesised = synthesis(defaults)
    ((rule_id, rule),) = synthesised.resources("AWS::Events::Rule").items()
    pattern = rule["Properties"]["EventPattern"]
    assert pattern["detail-type"] == ["Object Created"]
    assert pattern["detail"]["object"] == {"key": [{"prefix": "incoming/"}]}
    queues = synthesised.resources("AWS::SQS::Queue")
    (target,) = rule["Properties"]["Targets"]
    assert target["Arn"]["Fn::GetAtt"][0] in queues
    assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] in queues
    assert target["Arn"] != target["DeadLetterConfig"]["Arn"]
    allowed = [
        statement
        for policy in synthesised.resources("AWS::SQS::QueuePolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert len(allowed) == 2
    for statement in allowed:
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule_id, "Arn"]}}}


def test_bucket_sends_its_events_without_a_custom_resource(synthesis: Synthesis) -> None:
    synthesised = synthesis(defaults)
    synthesised.template.has_resource_properties(
        "AWS::S3::Bucket",
        {"NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}},
    )
    assert synthesised.resources("Custom::S3BucketNotifications") == {}


def test_form_function_may_only_put_below_incoming(synthesis: Synthesis) -> None:
    allowed = actions_by_resource(synthesis(defaults), "FormFunctionRole")
    logs = {name: actions for name, actions in allowed.items() if "Logs" in name}
    assert {name: actions for name, actions in allowed.items() if name not in logs} == {"/incoming/*": {"s3:PutObject"}}
    assert set().union(*logs.values()) == {"logs:CreateLogStream", "logs:PutLogEvents"}


def test_confirmation_cannot_change_what_was_accepted(synthesis: Synthesis) -> None:
    allowed = actions_by_resource(synthesis(defaults), "ConfirmationFunctionRole")
    assert not any(action.startswith("s3:Delete") for action in allowed["/accepted/*"] | allowed["/quarantine/*"])
    assert "s3:PutObject" not in allowed["/incoming/*"]
    assert allowed["/quarantine/*"] == {"s3:PutObject", "s3:PutObjectTagging"}


def test_topic_is_encrypted_with_a_customer_key_and_tls_only(synthesis: Synthesis) -> None:
    ((_, topic),) = synthesis(defaults).resources("AWS::SNS::Topic").items()
    assert "KmsMasterKeyId" in topic["Properties"]
    ((_, policy),) = synthesis(defaults).resources("AWS::SNS::TopicPolicy").items()
    (deny,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_given_key_encrypts_bucket_and_topic(synthesis: Synthesis) -> None:
    synthesised = synthesis(all_options)
    assert len(synthesised.resources("AWS::KMS::Key")) == 1
    encryptions = [
        item["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]
        for item in synthesised.resources("AWS::S3::Bucket").values()
    ]
    assert sorted(item["SSEAlgorithm"] for item in encryptions) == ["AES256", "aws:kms"]


def test_brought_bucket_is_not_touched(synthesis: Synthesis) -> None:
    synthesised = synthesis(existing_resources)
    assert synthesised.resources("AWS::S3::Bucket") == {}
    assert synthesised.resources("AWS::S3::BucketPolicy") == {}
    assert synthesised.resources("AWS::KMS::Key") == {}
    assert [name for name in synthesised.template_json["Resources"] if "Notification" in name] == []


def test_rules_reach_both_functions(synthesis: Synthesis) -> None:
    for function in ("FormFunction", "ConfirmationFunction"):
        variables = environment(synthesis(all_options), function)
        assert json.loads(variables["CONTENT_TYPES"]) == ["image/jpeg", "video/mp4"]
        assert variables["MAX_BYTES"] == "5000000000"
    assert environment(synthesis(all_options), "FormFunction")["EXPIRES_IN"] == "3600"
    assert environment(synthesis(defaults), "FormFunction")["EXPIRES_IN"] == "300"


def test_every_place_for_failures_has_an_alarm(synthesis: Synthesis) -> None:
    alarms = synthesis(all_options).resources("AWS::CloudWatch::Alarm").values()
    watched = {
        item["Properties"]["MetricName"]: item["Properties"]["AlarmActions"] == item["Properties"]["OKActions"]
        for item in alarms
    }
    assert watched == {"ApproximateNumberOfMessagesVisible": True, "RejectedUploads": True}


def test_alarms_and_metrics_are_found() -> None:
    upload = all_options(Stack())
    assert {alarm.node.id for alarm in upload.alarms} == {"DeadLetterQueueAlarm", "RejectedAlarm"}
    metrics = (upload.metric_accepted, upload.metric_rejected, upload.metric_lag, upload.metric_dead_letters)
    assert [metric().metric_name for metric in metrics] == [
        "AcceptedUploads",
        "RejectedUploads",
        "ApproximateAgeOfOldestMessage",
        "ApproximateNumberOfMessagesVisible",
    ]
    assert {metric(period=Duration.hours(1)).period.to_seconds() for metric in metrics} == {3600}


def test_metric_of_the_alarm_is_that_of_the_function(synthesis: Synthesis) -> None:
    synthesised = synthesis(all_options)
    (alarm,) = [
        item["Properties"]
        for item in synthesised.resources("AWS::CloudWatch::Alarm").values()
        if item["Properties"]["MetricName"] == "RejectedUploads"
    ]
    variables = environment(synthesised, "ConfirmationFunction")
    dimensions = {item["Name"]: item["Value"] for item in alarm["Dimensions"]}
    assert alarm["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"]
    assert dimensions["service"] == variables["POWERTOOLS_SERVICE_NAME"]
    assert dimensions["function_name"]["Ref"].startswith("PicturesConfirmationFunction")


def test_given_key_encrypts_queues_and_logs_and_eventbridge_may_use_it(synthesis: Synthesis) -> None:
    synthesised = synthesis(all_options)
    ((key_id, key),) = synthesised.resources("AWS::KMS::Key").items()
    for queue in synthesised.resources("AWS::SQS::Queue").values():
        assert queue["Properties"]["KmsMasterKeyId"] == {"Fn::GetAtt": [key_id, "Arn"]}
    for group in synthesised.resources("AWS::Logs::LogGroup").values():
        assert group["Properties"]["KmsKeyId"] == {"Fn::GetAtt": [key_id, "Arn"]}
    (for_events,) = [
        statement
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if statement["Principal"].get("Service") == "events.amazonaws.com"
    ]
    assert for_events["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    used = [
        statement
        for statement in statements(synthesised, "ConfirmationFunctionRole")
        if statement["Resource"] == {"Fn::GetAtt": [key_id, "Arn"]}
    ]
    assert any("kms:Decrypt" in statement["Action"] for statement in used)


def test_messages_go_to_an_existing_topic(synthesis: Synthesis) -> None:
    synthesised = synthesis(short_lived)
    ((topic_id, _),) = synthesised.resources("AWS::SNS::Topic").items()
    assert environment(synthesised, "ConfirmationFunction")["TOPIC_ARN"] == {"Ref": topic_id}
    ((key_id, _),) = synthesised.resources("AWS::KMS::Key").items()
    assert {"kms:Decrypt", "kms:GenerateDataKey"} <= {
        action
        for statement in statements(synthesised, "ConfirmationFunctionRole")
        if statement["Resource"] == {"Fn::GetAtt": [key_id, "Arn"]}
        for action in statement["Action"]
    }


def test_what_is_made_goes_with_the_stack_when_told_so(synthesis: Synthesis) -> None:
    synthesised = synthesis(short_lived)
    groups = synthesised.resources("AWS::Logs::LogGroup").values()
    assert [(group["DeletionPolicy"], group["Properties"]["RetentionInDays"]) for group in groups] == [
        ("Delete", 7)
    ] * 2
    buckets = {
        name: item["DeletionPolicy"]
        for name, item in synthesised.resources("AWS::S3::Bucket").items()
        if name.startswith("Pictures")
    }
    assert list(buckets.values()) == ["Delete"]
    kept = {item["DeletionPolicy"] for item in synthesis(defaults).resources("AWS::KMS::Key").values()}
    assert kept == {"Retain"}


def test_functions_get_the_prefixes_from_one_place(synthesis: Synthesis) -> None:
    form, confirmation = (environment(synthesis(defaults), f"{name}Function") for name in ("Form", "Confirmation"))
    assert form["INCOMING_PREFIX"] == DirectObjectUpload.incoming_prefix
    assert confirmation["ACCEPTED_PREFIX"] == DirectObjectUpload.accepted_prefix
    assert confirmation["QUARANTINE_PREFIX"] == DirectObjectUpload.quarantine_prefix


def test_route_needs_a_token(synthesis: Synthesis) -> None:
    ((_, route),) = synthesis(example).resources("AWS::ApiGatewayV2::Route").items()
    assert (route["Properties"]["RouteKey"], route["Properties"]["AuthorizationType"]) == ("POST /uploads", "JWT")


def test_route_without_an_authorizer_has_that_of_the_api_or_is_refused() -> None:
    stack = Stack()
    upload = defaults(stack)
    users = authorizers.HttpJwtAuthorizer("Users", "https://issuer.example.com", jwt_audience=["web"])
    api = apigatewayv2.HttpApi(stack, "Api", default_authorizer=users)
    (route,) = upload.add_routes(api, path="/files")
    assert route.path == "/files"
    with pytest.raises(InvalidOptionError, match="authorizer is missing, and the API has no default authorizer"):
        upload.add_routes(apigatewayv2.HttpApi(stack, "Open"), path="/open")
    with pytest.raises(InvalidOptionError, match="path is 'files'"):
        upload.add_routes(api, path="files")


def test_without_an_origin_no_page_of_another_site_may_upload() -> None:
    stack = Stack()
    DirectObjectUpload(stack, "Pictures", content_types=["image/jpeg"], max_size_mb=10, allowed_origins=[])
    for bucket in Template.from_stack(stack).find_resources("AWS::S3::Bucket").values():
        assert "CorsConfiguration" not in bucket["Properties"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"content_types": []}, r"content_types is \[\].*Give a list"),
        ({"text_encodings": []}, r"text_encodings is \[\].*Give a list"),
        ({"text_encodings": "utf-8"}, "text_encodings is 'utf-8'.*Give a list"),
        ({"text_encodings": ["utf-8", "ascii"]}, "text_encodings contains 'ascii'.*Use some of utf-8, utf-16"),
        ({"content_types": "image/jpeg"}, "content_types is 'image/jpeg'.*Give a list"),
        ({"content_types": ["image/svg+xml"]}, r"content_types contains 'image/svg\+xml'.*Use some of"),
        ({"max_size_mb": 0}, "max_size_mb is 0 MB.*Use 1 to 5,000 MB"),
        ({"max_size_mb": 5001}, "max_size_mb is 5,001 MB.*Use 1 to 5,000 MB"),
        ({"expiry": Duration.hours(2)}, "expiry is 2 hours.*Use 1 second to 1 hour"),
        ({"allowed_origins": None}, "allowed_origins is missing"),
        ({"allowed_origins": ["*"]}, r"allowed_origins contains '\*'"),
    ],
)
def test_wrong_option_is_refused(options: dict[str, Any], message: str) -> None:
    valid = {"content_types": ["image/jpeg"], "max_size_mb": 10, "allowed_origins": ORIGINS}
    with pytest.raises(InvalidOptionError, match=message):
        DirectObjectUpload(Stack(), "Pictures", **{**valid, **options})


def test_origins_of_a_brought_bucket_are_refused() -> None:
    stack = Stack()
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "existing")
    with pytest.raises(InvalidOptionError, match="allowed_origins was given together with bucket"):
        DirectObjectUpload(
            stack, "P", content_types=["image/png"], max_size_mb=1, allowed_origins=ORIGINS, bucket=bucket
        )


def test_removal_policy_of_an_existing_bucket_is_refused() -> None:
    stack = Stack()
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "existing")
    with pytest.raises(InvalidOptionError, match="removal_policy was given together with bucket"):
        DirectObjectUpload(
            stack,
            "P",
            content_types=["image/png"],
            max_size_mb=1,
            bucket=bucket,
            removal_policy=RemovalPolicy.DESTROY,
        )


def test_topic_of_another_region_is_refused() -> None:
    stack = Stack(App(), "Tokyo", env=Environment(region="ap-northeast-1"))
    topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:us-east-1:111122223333:files")
    for option in ("topic", "alarm_topic"):
        given: dict[str, Any] = {option: topic}
        with pytest.raises(InvalidOptionError, match=f"{option} is in us-east-1, but the stack is in ap-northeast-1"):
            DirectObjectUpload(
                stack,
                f"P-{option}",
                content_types=["image/png"],
                max_size_mb=1,
                allowed_origins=ORIGINS,
                **given,
            )


def test_bucket_that_sends_no_events_is_refused() -> None:
    stack = Stack()
    bucket = s3.Bucket(stack, "Bucket")
    with pytest.raises(InvalidOptionError, match=r"does not send its events.*event_bridge_enabled=True"):
        DirectObjectUpload(stack, "P", content_types=["image/png"], max_size_mb=1, bucket=bucket)


def test_second_upload_into_one_bucket_is_refused() -> None:
    stack = Stack()
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "existing")
    DirectObjectUpload(stack, "First", content_types=["image/png"], max_size_mb=1, bucket=bucket)
    with pytest.raises(InvalidOptionError, match="receives the uploads of Default/First already"):
        DirectObjectUpload(stack, "Second", content_types=["text/csv"], max_size_mb=1, bucket=bucket)
