"""Where a resource is: what is given to a pattern is of the Region and the account of its stack.

``@checks_options`` asks this of every option that is a resource, so that no pattern has to. ``@elsewhere`` names the
options that may be of another Region or account, and what to do instead of giving one of those that may not.
"""

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from aws_cdk import IResource, Resource, Stack, Token
from constructs import Construct, IConstruct

from cdp_constructs.core.once import once
from cdp_constructs.core.paths import account_of, region_of, stack_of
from cdp_constructs.core.validation import InvalidOptionError

__all__ = [
    "Allowed",
    "Kind",
    "check_arn",
    "check_region",
    "concrete_region",
    "elsewhere",
    "kind_of",
    "place_problem",
    "rule_of",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_REGION_OF_ARN, _ACCOUNT_OF_ARN, _PARTS_OF_AN_ARN = 3, 4, 6
_RULES = "_elsewhere"


class Allowed(Enum):
    """From where else than the stack's Region and account a resource may be."""

    ANYWHERE = "any Region and account"
    ANY_REGION = "any Region"


@dataclass(frozen=True)
class Kind:
    """What of a type of resources says where one is."""

    arn: str | None = None
    """The attribute with the ARN, where the CDK takes an imported one for a resource of the stack's Region."""
    any_account: bool = False
    """Whether a policy of the resource can let other accounts use it."""
    everywhere: bool = False
    """Whether the service is the same in every Region."""


_KINDS: Mapping[str, Kind] = {
    "aws_apigatewayv2.IHttpApi": Kind(),
    "aws_certificatemanager.ICertificate": Kind("certificate_arn"),
    "aws_cloudwatch.Alarm": Kind(),
    "aws_cloudwatch.IAlarm": Kind("alarm_arn"),
    "aws_dynamodb.ITable": Kind("table_arn"),
    "aws_ec2.IVpc": Kind(),
    "aws_ecs.ICluster": Kind("cluster_arn"),
    "aws_elasticloadbalancingv2.IApplicationLoadBalancer": Kind("load_balancer_arn"),
    "aws_events.IEventBus": Kind("event_bus_arn"),
    "aws_iam.IOidcProvider": Kind("oidc_provider_arn", everywhere=True),
    "aws_kinesis.IStream": Kind(),
    "aws_kinesisfirehose.IDeliveryStream": Kind("delivery_stream_arn"),
    "aws_kms.IKey": Kind(any_account=True),
    "aws_lambda.Function": Kind(),
    "aws_lambda.IAlias": Kind(),
    "aws_lambda.IFunction": Kind(),
    "aws_lambda.ILayerVersion": Kind("layer_version_arn", any_account=True),
    "aws_logs.ILogGroup": Kind("log_group_arn"),
    "aws_rds.IDatabaseCluster": Kind(),
    "aws_route53.IHostedZone": Kind(everywhere=True),
    "aws_s3.IBucket": Kind(),
    "aws_secretsmanager.ISecret": Kind(any_account=True),
    "aws_ses.IEmailIdentity": Kind("email_identity_arn"),
    "aws_sns.ITopic": Kind(any_account=True),
    "aws_sqs.IQueue": Kind(),
    "aws_stepfunctions.IStateMachine": Kind("state_machine_arn"),
}
_OF_THE_LIBRARY = Kind()


def elsewhere(**options: Allowed | str) -> Callable[[_Function], _Function]:
    """Say of options of a constructor or a method from where else they may be, or what helps when they may not.

    Args:
        options: By name: what is allowed, or the fix of the error message.
    """

    def mark(function: _Function) -> _Function:
        setattr(function, _RULES, options)
        return function

    return mark


def rule_of(function: Callable[..., Any], option: str) -> Allowed | str | None:
    """Return what ``@elsewhere`` says about an option; None where it says nothing."""
    rules: Mapping[str, Allowed | str] = getattr(function, _RULES, {})
    return rules.get(option)


def kind_of(hint: Any) -> Kind | None:
    """Return what says where the resources of an annotation are; None for what is in no Region."""
    for one in typing.get_args(hint):
        if found := kind_of(one):
            return found
    if not isinstance(hint, type):
        return None
    module = hint.__module__
    if module.startswith("aws_cdk."):
        return _KINDS.get(f"{module.removeprefix('aws_cdk.')}.{hint.__name__}")
    return _OF_THE_LIBRARY if module.startswith("cdp_constructs.") and issubclass(hint, Construct) else None


def place_problem(
    scope: IConstruct, resource: IConstruct, kind: Kind, rule: Allowed | str | None = None
) -> tuple[str, str] | None:
    """Return what is wrong about the place of a resource, and the fix; None when it can be used.

    Args:
        scope: The pattern, or the scope that it becomes part of.
        resource: What was given.
        kind: What says where it is.
        rule: What ``@elsewhere`` says about the option.
    """
    if rule is Allowed.ANYWHERE:
        return None
    ours, theirs = stack_of(scope), stack_of(resource)
    made_here = kind is _OF_THE_LIBRARY or _is_made_here(resource)
    if made_here and theirs is ours:
        return None
    there = (region_of(theirs), account_of(theirs)) if made_here else _place_of(resource, kind)
    here = region_of(ours)
    if not kind.everywhere and rule is not Allowed.ANY_REGION and _differ(here, there[0]):
        return f"is in {there[0]}, but the stack is in {here}", rule or f"Give one of {here}"
    here = account_of(ours)
    if not kind.any_account and _differ(here, there[1]):
        return f"is in account {there[1]}, but the stack is in account {here}", "Give one of the stack's account"
    return None


def check_region(construct: Construct, option: str, resource: IResource, *, of_type: str) -> None:
    """Refuse a resource of another Region, or account, that is a part of an option.

    Args:
        construct: The pattern.
        option: The option's name.
        resource: What was given.
        of_type: Module and name of its interface, such as ``aws_lambda.IFunction``.

    Raises:
        InvalidOptionError: naming both Regions, or both accounts.
    """
    if problem := place_problem(construct, resource, _KINDS[of_type]):
        raise InvalidOptionError(construct, option, *problem)


def check_arn(construct: Construct, option: str, arn: str, *, region: str | None = None, fix: str) -> None:
    """Refuse the ARN of a resource of another Region or account; what is a token passes.

    Args:
        construct: The pattern.
        option: The option's name.
        arn: The ARN.
        region: The Region that is needed. Default: that of the construct's stack.
        fix: What to give instead.

    Raises:
        InvalidOptionError: naming both Regions, or both accounts.
    """
    stack = stack_of(construct)
    there = _in_arn(arn)
    here = region or region_of(stack)
    if there[0] and _differ(here, there[0]):
        problem = f"is in {there[0]}, but the stack is in {here}" if region is None else f"is in {there[0]}"
        raise InvalidOptionError(construct, option, problem, fix)
    if there[1] and _differ(account_of(stack), there[1]):
        problem = f"is in account {there[1]}, but the stack is in account {account_of(stack)}"
        raise InvalidOptionError(construct, option, problem, "Give one of the stack's account")


@once
def _is_made_here(resource: IConstruct) -> bool:
    """Whether a resource is defined by the app, and not imported."""
    return bool(Resource.is_owned_resource(resource))


def _place_of(resource: Any, kind: Kind) -> tuple[str, str]:
    """Return the Region and the account of an imported resource."""
    place = resource.env
    region, account = _in_arn(getattr(resource, kind.arn)) if kind.arn is not None else ("", "")
    return region or str(place.region), account or str(place.account)


def _in_arn(arn: str) -> tuple[str, str]:
    """Return the Region and the account of an ARN, "" for what it does not say."""
    parts = arn.split(":")
    if len(parts) < _PARTS_OF_AN_ARN:
        return "", ""
    region, account = parts[_REGION_OF_ARN], parts[_ACCOUNT_OF_ARN]
    return "" if _is_token(region) else region, "" if _is_token(account) else account


def _differ(here: str, there: str) -> bool:
    return here != there and not _is_token(here) and not _is_token(there)


def _is_token(text: str) -> bool:
    return "${Token[" in text


def concrete_region(construct: Construct) -> str:
    """Return the Region of the construct's stack, or refuse an environment-agnostic stack.

    Raises:
        InvalidOptionError: when the stack's Region is only known at deployment.
    """
    region = region_of(Stack.of(construct))
    if Token.is_unresolved(region):
        fix = 'Give the stack a Region: MyStack(app, "Tokyo", env=cdk.Environment(region="ap-northeast-1"))'
        raise InvalidOptionError(construct, "env", "is missing: the stack names no Region", fix)
    return region
