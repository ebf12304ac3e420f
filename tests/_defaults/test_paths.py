"""The path of a construct."""

from aws_cdk import App, Stack
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs._defaults.paths import path_of


def test_a_construct_is_written_as_its_path() -> None:
    stack = Stack(App(), "Stack")
    scope = Construct(stack, "Pattern")
    for construct in (stack, scope, sqs.Queue(scope, "Queue")):
        assert path_of(construct) == construct.node.path
