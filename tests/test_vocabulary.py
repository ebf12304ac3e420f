"""The public vocabulary: one word, one meaning, one type, one default, one order, in every construct."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs._exports import MODULE_OF

CONSTRUCTS = {
    name: value
    for name, module in MODULE_OF.items()
    if inspect.isclass(value := getattr(import_module(module), name)) and issubclass(value, Construct)
}
# What every construct that has the option calls it, last and in this order, with this type and this default.
COMMON: dict[str, tuple[str, object]] = {
    "encryption_key": ("kms.IKey | None", None),
    "alarm_topic": ("sns.ITopic | None", None),
    "log_retention": ("logs.RetentionDays", logs.RetentionDays.THREE_MONTHS),
    "removal_policy": ("RemovalPolicy", RemovalPolicy.RETAIN),
}
# Options and attributes that mean the same have the same type, whoever has them.
TYPES = {
    "allowed_origins": "Sequence[str]",
    "authorizer": "apigatewayv2.IHttpRouteAuthorizer",
    "bucket": "s3.IBucket",
    "certificate": "certificatemanager.ICertificate",
    "issuer": "TokenIssuer",
    "stream": "kinesis.IStream",
    "table": "dynamodb.ITable",
    "topic": "sns.ITopic",
    "user_pool": "cognito.IUserPool",
    "vpc": "ec2.IVpc",
    "zone": "route53.IHostedZone",
}
RETIRED = {
    "accepted_topic": "topic",
    "alert_topic": "topic",
    "allow_list": "table",
    "error_queue": "dead_letter_queue",
    "grant_query": "grant_read",
    "iterator_age": "metric_lag",
    "sessions": "table",
    "thumbnail_topic": "topic",
}
# How far behind, and what was refused, have one name each.
RETIRED_METRICS = ("oldest", "iterator_age", "freshness", "refused", "unreadable", "unconverted")


def options(construct: type[Construct]) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(construct.__init__).parameters)
    for name in ("self", "scope", "construct_id"):
        parameters.pop(name)
    return parameters


def methods(construct: type[Construct], *prefixes: str) -> Iterator[tuple[str, Any]]:
    for name, member in vars(construct).items():
        if name.startswith(prefixes) and callable(member):
            yield name, member


def written(annotation: object) -> str:
    """Return an annotation as code writes it: a class of aws_cdk.aws_iam is ``iam.Grant``."""
    if not inspect.isclass(annotation):
        return str(annotation).strip("'\"").replace("aws_cdk.aws_", "")
    module = annotation.__module__.removeprefix("aws_cdk").removeprefix(".aws_")
    return f"{module}.{annotation.__name__}" if module and "." not in module else annotation.__name__


def each() -> Any:
    return pytest.mark.parametrize("construct", CONSTRUCTS.values(), ids=CONSTRUCTS)


@each()
def test_options_are_keywords(construct: type[Construct]) -> None:
    assert {option.kind for option in options(construct).values()} <= {inspect.Parameter.KEYWORD_ONLY}


@each()
def test_common_options_come_last_and_in_one_order(construct: type[Construct]) -> None:
    names = list(options(construct))
    common = [name for name in COMMON if name in names]
    assert names[len(names) - len(common) :] == common


@each()
def test_common_options_have_one_type_and_one_default(construct: type[Construct]) -> None:
    for name, option in options(construct).items():
        if name in COMMON:
            kind, default = COMMON[name]
            assert (written(option.annotation).split(".")[-1], option.default) == (kind.split(".")[-1], default), name


@each()
def test_the_same_thing_has_the_same_type(construct: type[Construct]) -> None:
    for name, option in options(construct).items():
        if name in TYPES:
            # A module's own import may leave out or spell out the package in front.
            kind = re.sub(r"[\w.]+\.(?=\w)", "", written(option.annotation)).removesuffix(" | None")
            assert kind == TYPES[name].rpartition(".")[2], name


@each()
def test_retired_words_are_gone(construct: type[Construct]) -> None:
    names = {*options(construct), *vars(construct)}
    assert {name: word for name, word in RETIRED.items() if name in names} == {}
    metrics = [name.removeprefix("metric_") for name, _ in methods(construct, "metric_")]
    assert [name for name in metrics if name.startswith(RETIRED_METRICS)] == []


@each()
def test_metrics_take_a_period_and_return_a_metric(construct: type[Construct]) -> None:
    for name, method in methods(construct, "metric_"):
        signature = inspect.signature(method)
        assert "period" in signature.parameters, name
        assert signature.parameters["period"].kind is inspect.Parameter.KEYWORD_ONLY, name
        assert written(signature.return_annotation) in {"cloudwatch.Metric", "cloudwatch.IMetric"}, name


@each()
def test_grants_return_a_grant(construct: type[Construct]) -> None:
    for name, method in methods(construct, "grant_", "share_with"):
        assert written(inspect.signature(method).return_annotation) == "iam.Grant", name


@each()
def test_what_is_added_is_returned(construct: type[Construct]) -> None:
    for name, method in methods(construct, "add_"):
        assert written(inspect.signature(method).return_annotation) not in {"None", "NoneType"}, name


@each()
def test_an_operator_finds_the_alarms(construct: type[Construct]) -> None:
    if "alarm_topic" in options(construct):
        assert isinstance(vars(construct).get("alarms"), property)
