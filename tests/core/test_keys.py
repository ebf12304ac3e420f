"""Keys that AWS services use on behalf of patterns."""

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Annotations, Match, Template

from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.keys import let_service_use_key
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.queues import add_dead_letter_queue

KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/1"


def key_statements(stack: Stack) -> list[dict[str, object]]:
    ((_, key),) = Template.from_stack(stack).find_resources("AWS::KMS::Key").items()
    return [each for each in key["Properties"]["KeyPolicy"]["Statement"] if "Service" in each["Principal"]]


def test_service_uses_a_key_for_this_account_only() -> None:
    stack = Stack()
    let_service_use_key(stack, kms.Key(stack, "Key"), "events.amazonaws.com")
    (statement,) = key_statements(stack)
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_imported_key_is_not_changed_and_the_warning_says_what_it_must_allow() -> None:
    stack = Stack()
    let_service_use_key(stack, kms.Key.from_key_arn(stack, "Key", KEY_ARN), "events.amazonaws.com")
    message = Match.string_like_regexp("allows events.amazonaws.com kms:Decrypt, kms:GenerateDataKey")
    Annotations.from_stack(stack).has_warning("*", message)


def test_log_groups_of_one_key_are_allowed_once_and_for_this_account_and_region() -> None:
    stack = Stack()
    key = kms.Key(stack, "Key")
    for name in ("One", "Two"):
        add_log_group(
            stack,
            name,
            log_retention=logs.RetentionDays.ONE_DAY,
            encryption_key=key,
            removal_policy=RemovalPolicy.DESTROY,
        )
    (statement,) = key_statements(stack)
    arn = str(statement["Condition"])
    assert "kms:EncryptionContext:aws:logs:arn" in arn
    assert "AWS::AccountId" in arn
    assert "AWS::Region" in arn
    groups = Template.from_stack(stack).find_resources("AWS::Logs::LogGroup").values()
    assert all(group["Properties"]["KmsKeyId"] and group["DeletionPolicy"] == "Delete" for group in groups)


def test_failures_of_an_asynchronous_function_reach_an_encrypted_queue_without_wildcards() -> None:
    stack = Stack()
    key = kms.Key(stack, "Key")
    queue = add_dead_letter_queue(stack, "Failed", alarm_topic=None, holds="failures", encryption_key=key)
    add_function(
        stack,
        "Loads",
        handler="data/warehouse_load",
        description="Loads",
        invocation=Invocation.EVENT,
        dead_letter_queue=queue,
    )
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::Lambda::EventInvokeConfig", {"MaximumRetryAttempts": 2, "Qualifier": "$LATEST"}
    )
    policies = template.find_resources("AWS::IAM::Policy").values()
    actions = [
        action
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    ]
    assert {"sqs:SendMessage", "kms:Decrypt", "kms:GenerateDataKey"} <= set(actions)
    assert not any(action.endswith("*") for action in actions)
