from pathlib import Path

import pytest
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from cdp_constructs.core.assets import handler_folder
from cdp_constructs.core.functions import RUNTIME, Invocation, add_function
from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.testing import Synthesis, architecture


@architecture
def three_functions(stack: Stack) -> None:
    failures = sqs.Queue(stack, "Failures", enforce_ssl=True)
    for invocation, queue in (
        (Invocation.REQUEST, None),
        (Invocation.EVENT_SOURCE, None),
        (Invocation.EVENT, failures),
    ):
        add_function(
            stack,
            invocation.name.capitalize(),
            handler="routing/deep_health_check",
            description="A function",
            invocation=invocation,
            dead_letter_queue=queue,
        )


@architecture
def more_for_a_function_made_here_and_one_of_the_user(stack: Stack) -> None:
    made = add_function(
        stack, "Made", handler="routing/deep_health_check", description="A function", invocation=Invocation.REQUEST
    )
    code = lambda_.Code.from_asset(str(handler_folder("routing/deep_health_check")))
    existing = lambda_.Function(stack, "Existing", runtime=RUNTIME, handler="index.handler", code=code)
    for function in (made, existing):
        objects = "arn:aws:s3:::bucket/incoming/*"
        statement = iam.PolicyStatement(actions=["s3:GetObject"], resources=[objects])
        allow_on_prefixes(function, "Objects", [statement], prefixes=[objects], reason="A test")


@architecture
def two_of_three_correlate(stack: Stack) -> None:
    for name, correlates in (("Worker", True), ("Other", True), ("Plain", False)):
        add_function(
            stack,
            name,
            handler="routing/deep_health_check",
            description="A function",
            invocation=Invocation.REQUEST,
            correlates=correlates,
        )


def test_every_function_is_arm_traced_logged_and_has_powertools(synthesis: Synthesis) -> None:
    functions = [one["Properties"] for one in synthesis(three_functions).resources("AWS::Lambda::Function").values()]
    assert len(functions) == 3
    for properties in functions:
        assert properties["Architectures"] == ["arm64"]
        assert properties["TracingConfig"] == {"Mode": "Active"}
        assert properties["LoggingConfig"]["LogFormat"] == "JSON"
        assert len(properties["Layers"]) == 1


def test_logs_are_kept_three_months_and_outlast_the_stack(synthesis: Synthesis) -> None:
    for group in synthesis(three_functions).resources("AWS::Logs::LogGroup").values():
        assert group["Properties"]["RetentionInDays"] == 90
        assert group["DeletionPolicy"] == "Retain"


def test_roles_may_trace_and_write_their_own_logs_and_nothing_else(synthesis: Synthesis) -> None:
    [tracing] = synthesis(three_functions).resources("AWS::IAM::ManagedPolicy").values()
    [statement] = tracing["Properties"]["PolicyDocument"]["Statement"]
    assert set(statement["Action"]) == {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    for role in synthesis(three_functions).resources("AWS::IAM::Role").values():
        assert len(role["Properties"]["ManagedPolicyArns"]) == 1
    for policy in synthesis(three_functions).resources("AWS::IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Resource"]["Fn::GetAtt"][1] == "Arn"


def test_a_failed_asynchronous_call_goes_to_the_queue_after_two_retries(synthesis: Synthesis) -> None:
    [config] = synthesis(three_functions).resources("AWS::Lambda::EventInvokeConfig").values()
    assert config["Properties"]["MaximumRetryAttempts"] == 2
    assert config["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0].startswith("Failures")


def test_a_function_waits_for_the_policy_that_lets_it_do_more(synthesis: Synthesis) -> None:
    resources = synthesis(more_for_a_function_made_here_and_one_of_the_user).resources
    for name in ("Made", "Existing"):
        [policy] = [key for key in resources("AWS::IAM::Policy") if key.startswith(f"{name}Objects")]
        [function] = [one for key, one in resources("AWS::Lambda::Function").items() if key.startswith(name)]
        [role] = resources("AWS::IAM::Policy")[policy]["Properties"]["Roles"]
        assert policy in function["DependsOn"]
        assert function["Properties"]["Role"]["Fn::GetAtt"][0] == role["Ref"]


def test_rule_packs_find_nothing_on_the_functions(synthesis: Synthesis) -> None:
    found = synthesis(three_functions).findings("AwsSolutions", "Serverless")
    assert [finding for finding in found if "/Failures/" not in finding] == []


def test_an_asynchronous_function_without_a_place_for_failures_is_refused() -> None:
    with pytest.raises(ValueError, match="needs dead_letter_queue for its failures"):
        add_function(
            Stack(), "F", handler="routing/deep_health_check", description="A function", invocation=Invocation.EVENT
        )


def test_a_folder_without_a_handler_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no index\.py"):
        add_function(Stack(), "F", handler=tmp_path, description="A function", invocation=Invocation.REQUEST)


def test_only_a_function_that_works_on_items_gets_the_module_for_their_ids(synthesis: Synthesis) -> None:
    functions = synthesis(two_of_three_correlate).resources("AWS::Lambda::Function")
    layers = {name[:-8]: len(found["Properties"]["Layers"]) for name, found in functions.items()}
    assert layers == {"Worker": 2, "Other": 2, "Plain": 1}
    assert len(synthesis(two_of_three_correlate).resources("AWS::Lambda::LayerVersion")) == 1
