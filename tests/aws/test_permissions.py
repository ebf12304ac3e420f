"""Statements of policies in templates name actions that exist, for resources that these take."""

import fnmatch
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.aws.arns import ANY, UNKNOWN, may_name, text
from tests.aws.templates import FILES, listed, resources, stacks

REFERENCE = json.loads((Path(__file__).parent / "service_authorization.json").read_text())["services"]
IDENTITY = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role")
# The reference names no resource for them, or another one.
EXCEPT = {
    # What the CDK grants to who reads a stream: Lambda makes mappings with them.
    *("kinesis:ListStreams", "kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"),
    # SNS decides about them by the application or the endpoint: its refusals name it ("not authorized to perform:
    # SNS:CreatePlatformEndpoint on resource: arn:…:app/GCM/…").
    *("sns:CreatePlatformEndpoint", "sns:DeleteEndpoint", "sns:SetEndpointAttributes", "sns:GetEndpointAttributes"),
    # The CDK grants it on the deployment group, and so does AWS SAM's own example of a hook:
    # https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/automating-updates-to-serverless-apps.html
    "codedeploy:PutLifecycleEventHookExecutionStatus",
}
# Of the managed policy for fleet provisioning nobody knows what is needed: https://docs.aws.amazon.com/iot/latest/developerguide/provision-wo-cert.html
HARMLESS = ":thingtype/"


@cache
def known(action: str) -> tuple[str, ...]:
    """The actions that one, with ``*`` or without, names; in whatever case, as IAM compares them."""
    service, _, name = action.lower().partition(":")
    return tuple(each for each in REFERENCE[service]["actions"] if fnmatch.fnmatchcase(each.lower(), name))


def forms(service: str, action: str) -> list[str]:
    """The forms of the ARNs that an action takes."""
    taken = REFERENCE[service]["actions"][action].split()
    return [REFERENCE[service]["resources"][name] for name in taken if name in REFERENCE[service]["resources"]]


def statements() -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Policies of roles, with the resources of their stack."""
    for file in FILES:
        for logical_id, resource, stack in resources(file, *IDENTITY):
            properties = resource["Properties"]
            inline = [one["PolicyDocument"] for one in properties.get("Policies", [])]
            for document in [*inline, *([properties["PolicyDocument"]] if "PolicyDocument" in properties else [])]:
                for statement in listed(document["Statement"]):
                    yield f"{file.name}: {logical_id}", statement, stack


def test_every_action_exists() -> None:
    missing = {
        f"{logical_id}: {action}"
        for logical_id, statement, _ in statements()
        for action in listed(statement["Action"])
        if not known(action)
    }
    assert missing == set(), "not in the Service Authorization Reference (make service-authorization reads the newest)"


def of_resources(value: Any) -> Iterator[Mapping[str, Any]]:
    """Statements of policies, wherever they are in a resource."""
    if isinstance(value, dict):
        statements = listed(value.get("Statement", []))
        yield from (each for each in statements if isinstance(each, dict) and "Effect" in each)
        for inner in value.values():
            yield from of_resources(inner)
    if isinstance(value, list):
        for inner in value:
            yield from of_resources(inner)


def test_every_action_of_a_policy_of_a_resource_exists() -> None:
    actions = {
        (file.name, logical_id, action)
        for file in FILES
        for stack in stacks(file)
        for logical_id, resource in stack.items()
        if resource["Type"] not in IDENTITY or resource["Type"] == "AWS::IAM::Role"
        for statement in of_resources(resource.get("Properties", {}))
        for action in listed(statement.get("Action", statement.get("NotAction")))
        if action != "*"
    }
    assert len({action for _, _, action in actions}) > 20
    assert {each for each in actions if not known(each[2])} == set()


def test_every_action_takes_a_resource_of_its_statement() -> None:
    """An action whose resources are all of another kind is allowed nothing, and AWS does not say so."""
    without = []
    for logical_id, statement, stack in statements():
        named = [text(each, stack) for each in listed(statement.get("Resource", "*"))]
        if {"*", UNKNOWN}.intersection(named):
            continue
        for action in listed(statement["Action"]):
            service = action.partition(":")[0].lower()
            # Of a pattern, one action with a resource is enough.
            allowed = [form for name in known(action) for form in forms(service, name)]
            if action not in EXCEPT and not any(may_name(arn, form) for arn in named for form in allowed):
                without.append(f"{logical_id}: {action} on {named}")
    assert without == []


def test_every_resource_of_a_statement_is_taken_by_one_of_its_actions() -> None:
    idle = []
    for logical_id, statement, stack in statements():
        actions = listed(statement["Action"])
        taken = [form for a in actions for name in known(a) for form in forms(a.partition(":")[0].lower(), name)]
        for each in listed(statement.get("Resource", "*")):
            arn = text(each, stack)
            if arn in ("*", UNKNOWN) or HARMLESS in arn or EXCEPT.intersection(actions):
                continue
            if not any(may_name(arn, form) for form in taken):
                idle.append(f"{logical_id}: {arn} by {actions}")
    assert idle == []


def test_a_log_stream_behind_the_arn_of_a_group_is_found_out() -> None:
    form = REFERENCE["logs"]["resources"]["log-stream"]
    stack = {"Group": {"Type": "AWS::Logs::LogGroup"}}
    behind = {"Fn::Join": ["", [{"Fn::GetAtt": ["Group", "Arn"]}, ":log-stream:", {"Ref": "Stream"}]]}
    assert not may_name(text(behind, stack), form)
    assert may_name(text({"Fn::GetAtt": ["Group", "Arn"]}, stack), form)
    assert may_name(f"arn:aws:logs:{ANY}:{ANY}:log-group:{ANY}:log-stream:{ANY}", form)
    assert not may_name("arn:aws:sqs:us-east-1:111122223333:orders", form)


def test_actions_and_resources_that_do_not_exist_are_found_out() -> None:
    assert known("sqs:SendMessages") == ()
    assert known("sqs:SendMessage") == ("SendMessage",)
    assert not any(may_name(f"arn:aws:sqs:{ANY}:{ANY}:{ANY}", form) for form in forms("sns", "Publish"))
