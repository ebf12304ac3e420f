"""Where a construct is."""

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.core.paths import path_of, region_of, stack_of


def test_a_construct_is_written_as_its_path() -> None:
    stack = Stack(App(), "Stack")
    scope = Construct(stack, "Pattern")
    for construct in (stack, scope, sqs.Queue(scope, "Queue")):
        assert path_of(construct) == construct.node.path


def test_constructs_of_the_same_path_in_two_apps_are_told_apart() -> None:
    stacks = [Stack(App(), "Stack", env=Environment(region=region)) for region in ("ap-northeast-1", "ap-northeast-3")]
    found = [stack_of(Construct(stack, "Pattern")) for stack in stacks]
    assert found == stacks
    assert [region_of(stack) for stack in found] == ["ap-northeast-1", "ap-northeast-3"]
