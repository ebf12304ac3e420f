"""What a wrong option is answered with: path, option, value and fix, before anything is made."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs.core.options import checks_options
from cdp_constructs.core.validation import InvalidOptionError


@checks_options
class Pattern(Construct):
    """One option of each kind."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: "kms.IKey | None" = None,
        name: str = "given",
        description: str = "",
        size: int = 1,
        ratio: float = 1.0,
        fast: bool = False,
        period: Duration | None = None,
        policy: RemovalPolicy = RemovalPolicy.RETAIN,
        names: Sequence[str] = (),
        labels: Mapping[str, int] | None = None,
        mode: Literal["on", "off"] = "on",
        call: Callable[[], None] | None = None,
    ) -> None:
        """Take everything."""
        super().__init__(scope, construct_id)
        self.given = (key, name, description, size, ratio, fast, period, policy, names, labels, mode, call)

    def add(self, construct_id: str, *, size: int) -> Construct:
        """Add a child."""
        del size
        return Construct(self, construct_id)


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "Stack")


def test_right_values_are_taken(stack: Stack) -> None:
    Pattern(stack, "Nothing")
    key = kms.Key(stack, "Key")
    imported = kms.Key.from_key_arn(stack, "Imported", "arn:aws:kms:us-east-1:111122223333:key/k")
    Pattern(stack, "Own", key=key, name="a", size=5, ratio=2, fast=True, period=Duration.minutes(1))
    Pattern(stack, "Imports", key=imported, policy=RemovalPolicy.DESTROY, names=["a"], labels={"a": 1}, mode="off")
    Pattern(stack, "Tokens", name=Token.as_string({"Ref": "A"}), size=Token.as_number({"Ref": "B"}), call=print)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"key": "arn:aws:kms:us-east-1:1:key/k"},
            "key is 'arn:aws:kms:us-east-1:1:key/k'. Give a resource of the type kms.IKey",
        ),
        ({"name": ""}, "name is ''. Give a text that is not empty"),
        ({"name": "  "}, "name is '  '. Give a text that is not empty"),
        ({"name": None}, "name is None. Give a text"),
        ({"name": b"a"}, "name is b'a'. Give a text"),
        ({"size": "5"}, "size is '5'. Give a whole number"),
        ({"size": 1.5}, "size is 1.5. Give a whole number"),
        ({"size": True}, "size is True. Give a whole number"),
        ({"ratio": float("nan")}, "ratio is nan. Give a number"),
        ({"ratio": float("inf")}, "ratio is inf. Give a number"),
        ({"fast": "yes"}, "fast is 'yes'. Give True or False"),
        ({"period": 30}, "period is 30. Give a Duration"),
        ({"policy": "destroy"}, "policy is 'destroy'. Give a RemovalPolicy, such as RemovalPolicy.DESTROY"),
        ({"names": "a"}, "names is 'a'. Give a list: ['a']"),
        ({"names": ["a", 5]}, "names contains 5. Give a text"),
        ({"labels": ["a"]}, 'labels is ["a"]'.replace('"', "'") + '. Give a mapping, such as {"name": …}'),
        ({"labels": {"a": "b"}}, "labels contains 'b' for 'a'. Give a whole number"),
        ({"mode": "fast"}, 'mode is \'fast\'. Use one of "on", "off"'),
        ({"call": 5}, "call is 5. Give a function"),
    ],
)
def test_wrong_value_is_named_before_anything_is_made(stack: Stack, options: Any, message: str) -> None:
    with pytest.raises(InvalidOptionError) as refused:
        Pattern(stack, "Shop", **options)
    assert str(refused.value) == f"Stack/Shop: {message}."
    assert stack.node.try_find_child("Shop") is None


def test_another_resource_is_no_key(stack: Stack) -> None:
    with pytest.raises(InvalidOptionError, match=r"key is .* Give a resource of the type kms.IKey"):
        Pattern(stack, "Shop", key=s3.Bucket(stack, "Bucket"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("construct_id", "message"),
    [
        ("", "Stack: construct_id is ''. Give a text that is not empty"),
        ("A/B", "Stack: construct_id is 'A/B'. Use a hyphen: ids of constructs have no slash"),
        ("Taken", "Stack: construct_id is 'Taken'. Use another id"),
        (5, "Stack: construct_id is 5. Give a text"),
    ],
)
def test_id_that_cannot_be(stack: Stack, construct_id: Any, message: str) -> None:
    Construct(stack, "Taken")
    with pytest.raises(InvalidOptionError) as refused:
        Pattern(stack, construct_id)
    assert str(refused.value).startswith(message)


def test_id_inside_a_construct_that_cannot_be(stack: Stack) -> None:
    pattern = Pattern(stack, "Shop")
    pattern.add("A", size=1)
    with pytest.raises(InvalidOptionError, match=r"Stack/Shop: construct_id is 'A'. Use another id"):
        pattern.add("A", size=1)
    with pytest.raises(InvalidOptionError, match=r"Stack/Shop: size is '1'"):
        pattern.add("B", size="1")  # type: ignore[arg-type]


def test_scope_that_is_none() -> None:
    with pytest.raises(InvalidOptionError, match=r"scope is 'stack'. Give a Construct"):
        Pattern("stack", "Shop")  # type: ignore[arg-type]


def test_python_reports_what_is_missing_or_unknown(stack: Stack) -> None:
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'siz'"):
        Pattern(stack, "Shop", siz=5)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"missing 1 required keyword-only argument: 'size'"):
        Pattern(stack, "Other").add("A")  # type: ignore[call-arg]
