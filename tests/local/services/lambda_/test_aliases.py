"""Lambda: an alias with two versions sends its calls to both, and metrics tell them apart."""

import json
from collections.abc import Callable
from typing import Any

from cdp_constructs.local import LocalCloud
from tests.local.conftest import Stacks
from tests.local.resources import allow, arn, function, role

Eventually = Callable[..., Any]

CODE = """
import json, os
def handler(event, context):
    answer = {"text": os.environ["TEXT"], "version": context.function_version, "arn": context.invoked_function_arn}
    if event.get("fail"):
        raise ValueError(answer["text"])
    return answer
"""


def deploy(cloud: LocalCloud, stacks: Stacks, **properties: Any) -> str:
    """A function with the versions 1 and 2, of which the alias `live` has the first one."""
    variables = {"Environment": {"Variables": {"TEXT": "old"}}}
    name = stacks.deploy(
        {
            "Resources": {"Role": role(), "Function": function(CODE, "Role", **variables, **properties)},
            "Outputs": {"Name": {"Value": {"Ref": "Function"}}},
        }
    )["Name"]
    functions = cloud.client("lambda")
    assert functions.publish_version(FunctionName=name)["Version"] == "1"
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"TEXT": "new"}})
    assert functions.publish_version(FunctionName=name)["Version"] == "2"
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    return name


def shift(cloud: LocalCloud, name: str, weight: float) -> None:
    routing = {"AdditionalVersionWeights": {"2": weight}} if weight else {}
    cloud.client("lambda").update_alias(FunctionName=name, Name="live", FunctionVersion="1", RoutingConfig=routing)


def call(cloud: LocalCloud, name: str, **event: Any) -> tuple[str, dict[str, Any]]:
    answer = cloud.client("lambda").invoke(FunctionName=name, Qualifier="live", Payload=json.dumps(event))
    return answer["ExecutedVersion"], json.loads(answer["Payload"].read())


def test_both_versions_answer_by_their_weights_as_they_were_published(cloud: LocalCloud, stacks: Stacks) -> None:
    name = deploy(cloud, stacks)
    assert call(cloud, name)[0] == "1"
    shift(cloud, name, 0.4)
    answers = [call(cloud, name) for _ in range(100)]
    for version, answer in answers:
        # What runs is what the answer says, and it has the variables with which it was published.
        assert (answer["version"], answer["text"]) == (version, {"1": "old", "2": "new"}[version])
        assert answer["arn"].endswith(f":function:{name}:live")
    # Fewer than 15 or more than 70 of 100 happen less than once in a million runs.
    assert 15 <= sum(version == "2" for version, _ in answers) <= 70
    shift(cloud, name, 0)
    assert {call(cloud, name)[0] for _ in range(20)} == {"1"}
    cloud.client("lambda").update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    assert call(cloud, name)[0] == "2"


def test_calls_of_services_and_those_in_the_background_are_distributed_as_well(
    cloud: LocalCloud, stacks: Stacks, eventually: Eventually
) -> None:
    name = deploy(cloud, stacks)
    shift(cloud, name, 1.0)
    alias = cloud.client("lambda").get_alias(FunctionName=name, Name="live")["AliasArn"]
    outputs = stacks.deploy(
        {
            "Resources": {
                "Role": role(allow(["lambda:InvokeFunction"], alias), service="states"),
                "Machine": {
                    "Type": "AWS::StepFunctions::StateMachine",
                    "Properties": {
                        "RoleArn": arn("Role"),
                        "DefinitionString": json.dumps(
                            {"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": alias, "End": True}}}
                        ),
                    },
                },
            },
            "Outputs": {"Machine": {"Value": {"Ref": "Machine"}}},
        }
    )
    states = cloud.client("stepfunctions")
    execution = states.start_execution(stateMachineArn=outputs["Machine"])["executionArn"]
    eventually(lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED")
    assert json.loads(states.describe_execution(executionArn=execution)["output"])["version"] == "2"
    answer = cloud.client("lambda").invoke(FunctionName=alias, InvocationType="Event", Payload=b"{}")
    assert answer["ExecutedVersion"] == "2"


def test_metrics_of_an_alias_name_the_version_only_while_it_has_two(
    cloud: LocalCloud, stacks: Stacks, total: Callable[..., float | None]
) -> None:
    name = deploy(cloud, stacks)
    of_alias = {"FunctionName": name, "Resource": f"{name}:live"}
    call(cloud, name)
    shift(cloud, name, 1.0)
    call(cloud, name, fail=True)
    call(cloud, name)
    shift(cloud, name, 0)
    call(cloud, name)
    cloud.client("lambda").invoke(FunctionName=name)
    assert total("AWS/Lambda", "Invocations", FunctionName=name) == 5
    assert total("AWS/Lambda", "Invocations", **of_alias) == 4
    assert total("AWS/Lambda", "Invocations", **of_alias, ExecutedVersion="2") == 2
    assert total("AWS/Lambda", "Errors", **of_alias, ExecutedVersion="2") == 1
    assert total("AWS/Lambda", "Invocations", **of_alias, ExecutedVersion="1") is None


def test_versions_share_the_reserved_concurrency_of_their_function(cloud: LocalCloud, stacks: Stacks) -> None:
    name = deploy(cloud, stacks, ReservedConcurrentExecutions=0)
    functions = cloud.client("lambda")
    for qualifier in ("live", "1"):
        with_limit = {"FunctionName": name, "Qualifier": qualifier, "Payload": b"{}"}
        try:
            functions.invoke(**with_limit)
        except functions.exceptions.TooManyRequestsException:
            continue
        raise AssertionError(f"{qualifier} was invoked")
