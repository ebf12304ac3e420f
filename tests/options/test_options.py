"""Every option of every construct: a value of another type ends in one error that names path, option, value and fix."""

import importlib
import inspect
import typing
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

import cdp_constructs
from cdp_constructs import AuthorizedApi, DeviceFleet, ServiceFront, ServiceNetwork, SignInUserPool, TokenIssuer
from tests.options.probe import Probe, probing
from tests.options.remaining import call_functions, call_remaining, call_rest
from tests.options.signatures import options_of_the_library, options_without_meaning, options_without_place
from tests.options.values import ROOT

EXAMPLES = sorted(file.stem for file in (ROOT / "docs/examples").glob("*.py") if "def build(" in file.read_text())
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000000"
ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Example"

EXISTING: dict[Any, Callable[[Stack], Any]] = {
    Stack: lambda stack: stack,
    DeviceFleet: lambda stack: DeviceFleet(stack, "GivenFleet", app="talk", contexts=["home", "factory"]),
    TokenIssuer: lambda stack: SignInUserPool(stack, "GivenUsers").issuer,
    AuthorizedApi: lambda stack: AuthorizedApi(stack, "GivenApi", allowed_origins=["https://shop.example.com"]),
    apigatewayv2.HttpApi: lambda stack: apigatewayv2.HttpApi(stack, "GivenHttpApi"),
    apigatewayv2.IHttpRouteAuthorizer: lambda _stack: authorizers.HttpJwtAuthorizer(
        "Given", ISSUER, jwt_audience=["shop"]
    ),
    ServiceFront: lambda stack: ServiceFront(
        stack,
        "GivenFront",
        vpc=ServiceNetwork(stack, "GivenNetwork").vpc,
        domain_name="shop.example.com",
        certificate=acm.Certificate.from_certificate_arn(stack, "GivenCertificate", CERTIFICATE),
    ),
    iam.IRole: lambda stack: iam.Role(stack, "GivenRole", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")),
    lambda_.IFunction: lambda stack: lambda_.Function.from_function_attributes(
        stack,
        "GivenFunction",
        function_arn="arn:aws:lambda:us-east-1:111122223333:function:orders",
        same_environment=True,
    ),
    s3.IBucket: lambda stack: s3.Bucket(stack, "GivenBucket"),
    sns.ITopic: lambda stack: sns.Topic(stack, "GivenTopic"),
    str: lambda _stack: "shop.example.com",
}
"""What the examples take from the application that they are part of."""


def is_construct(name: str) -> bool:
    owner = getattr(cdp_constructs, name)
    return inspect.isclass(owner) and issubclass(owner, Construct)


ALL = pytest.param(1, marks=pytest.mark.options, id="every value")
SAMPLE = pytest.param(5, id="a sample")
"""`make test` tries one value of five, `make test-options` each."""


class Trials:
    """Wrong values for every example and for what no example has; each is tried once, whichever test asks first."""

    def __init__(self, context: dict[str, Any]) -> None:
        self._context = context
        self._seen: defaultdict[int, set[str]] = defaultdict(set)
        self._faults: dict[tuple[str, int], list[str]] = {}

    def seen(self, every: int) -> set[str]:
        """Return the constructors and methods that were tried, by how many of the values."""
        return self._seen[every]

    def of_example(self, example: str, every: int) -> list[str]:
        """Return the faults that wrong values for what an example uses have shown."""
        return self._once(example, every, lambda app, probe: _build(app, probe, example))

    def of_the_rest(self, every: int) -> list[str]:
        """Return the faults of what no example uses."""

        def build(app: App, probe: Probe) -> None:
            stack = _stack(app)
            call_rest(stack)
            call_functions(stack, probe)

        return self._once("", every, build)

    def _once(self, name: str, every: int, build: Callable[[App, Probe], None]) -> list[str]:
        if (name, every) not in self._faults:
            with probing(self._seen[every], every=every) as probe:
                build(App(context=self._context), probe)
            self._faults[name, every] = probe.faults
        return self._faults[name, every]


def _build(app: App, probe: Probe, example: str) -> None:
    build = importlib.import_module(f"docs.examples.{example}").build
    hints = typing.get_type_hints(build)
    names = list(inspect.signature(build).parameters)
    if hints[names[0]] is App:
        build(app)
    else:
        stack = _stack(app)
        build(*(EXISTING[hints[name]](stack) for name in names))
        call_remaining(stack, probe.made)


def _stack(app: App) -> Stack:
    return Stack(app, "Stack", env=Environment(account="111122223333", region="us-east-1"))


@pytest.fixture(scope="module")
def trials(cdk_context: dict[str, Any]) -> Trials:
    return Trials(cdk_context)


@pytest.mark.parametrize("every", [SAMPLE, ALL])
@pytest.mark.parametrize("example", EXAMPLES)
def test_wrong_values_of_every_option_are_refused(trials: Trials, example: str, every: int) -> None:
    faults = trials.of_example(example, every)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("every", [SAMPLE, ALL])
def test_wrong_values_of_what_no_example_has_are_refused(trials: Trials, every: int) -> None:
    faults = trials.of_the_rest(every)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", [name for name in cdp_constructs.__all__ if is_construct(name)])
def test_every_construct_checks_its_options(name: str) -> None:
    assert hasattr(getattr(cdp_constructs, name).__init__, "__wrapped__"), f"{name} has no @checks_options"


def test_the_table_has_every_option_of_text_and_numbers() -> None:
    assert options_without_meaning() == set()


def test_every_resource_is_tried_from_elsewhere() -> None:
    assert options_without_place() == set()


@pytest.mark.parametrize("every", [SAMPLE, ALL])
def test_every_constructor_and_every_method_was_tried(trials: Trials, every: int) -> None:
    for example in EXAMPLES:
        trials.of_example(example, every)
    trials.of_the_rest(every)
    assert options_of_the_library() - trials.seen(every) == set()
