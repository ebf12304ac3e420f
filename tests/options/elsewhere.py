"""Resources of another Region and of another account, which a pattern of this stack cannot use."""

import itertools
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from aws_cdk import App, Environment, IResource, Stack, Token
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from cdp_constructs.core.places import Allowed, rule_of

__all__ = ["elsewhere", "lacks_place"]

ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
REGION, OTHER_REGION = "us-east-1", "eu-west-3"

Make = Callable[[Stack, str, str, str], Any]
"""Imports a resource into a stack: its id, its Region and its account."""

_numbers = itertools.count()


def _by_arn(imported: Callable[[Construct, str, str], Any], service: str, resource: str) -> Make:
    return lambda stack, name, region, account: imported(
        stack, name, f"arn:aws:{service}:{region}:{account}:{resource}"
    )


def _of_another_stack(make: Callable[[Stack, str], Any]) -> Make:
    """Make what no ARN tells the place of, in a stack that is there."""

    def made(stack: Stack, name: str, region: str, account: str) -> Any:
        app, stack_name = stack.node.root, f"Of{account}In{region.title().replace('-', '')}"
        there = app.node.try_find_child(stack_name)
        if there is None:
            there = Stack(typing.cast("App", app), stack_name, env=Environment(account=account, region=region))
        return make(typing.cast("Stack", there), name)

    return made


def _bucket(stack: Stack, name: str, region: str, account: str) -> s3.IBucket:
    return s3.Bucket.from_bucket_attributes(stack, name, bucket_name="given", region=region, account=account)


def _balancer(stack: Construct, name: str, arn: str) -> elbv2.IApplicationLoadBalancer:
    return elbv2.ApplicationLoadBalancer.from_application_load_balancer_attributes(
        stack, name, load_balancer_arn=arn, security_group_id="sg-1"
    )


def _listener(stack: Construct, name: str, arn: str) -> elbv2.IApplicationListener:
    group = ec2.SecurityGroup.from_security_group_id(stack, f"{name}Group", "sg-1")
    return elbv2.ApplicationListener.from_application_listener_attributes(
        stack, name, listener_arn=arn, security_group=group
    )


def _cluster(stack: Stack, name: str) -> ecs.ICluster:
    return ecs.Cluster(stack, name, vpc=ec2.Vpc(stack, f"{name}Vpc", max_azs=1, nat_gateways=0))


def _alarm(stack: Stack, name: str) -> cloudwatch.Alarm:
    metric = cloudwatch.Metric(namespace="Shop", metric_name="Orders")
    return cloudwatch.Alarm(stack, name, metric=metric, threshold=1, evaluation_periods=1)


def _alias(stack: Stack, name: str) -> lambda_.IAlias:
    arn = stack.format_arn(service="lambda", resource="function:f:1")
    version = lambda_.Version.from_version_arn(stack, f"{name}Version", arn)
    return lambda_.Alias.from_alias_attributes(stack, name, alias_name="live", alias_version=version)


_IMPORTED: Mapping[Any, Make] = {
    acm.ICertificate: _by_arn(acm.Certificate.from_certificate_arn, "acm", "certificate/c"),
    apigatewayv2.IHttpApi: _of_another_stack(apigatewayv2.HttpApi),
    cloudwatch.Alarm: _of_another_stack(_alarm),
    cloudwatch.IAlarm: _by_arn(cloudwatch.Alarm.from_alarm_arn, "cloudwatch", "alarm:a"),
    dynamodb.ITable: _by_arn(dynamodb.Table.from_table_arn, "dynamodb", "table/t"),
    ec2.IVpc: _of_another_stack(lambda stack, name: ec2.Vpc(stack, name, max_azs=1, nat_gateways=0)),
    ecs.ICluster: _of_another_stack(_cluster),
    elbv2.IApplicationListener: _by_arn(_listener, "elasticloadbalancing", "listener/app/b/1/2"),
    elbv2.IApplicationLoadBalancer: _by_arn(_balancer, "elasticloadbalancing", "loadbalancer/app/b/1"),
    events.IEventBus: _by_arn(events.EventBus.from_event_bus_arn, "events", "event-bus/b"),
    firehose.IDeliveryStream: _by_arn(firehose.DeliveryStream.from_delivery_stream_arn, "firehose", "deliverystream/d"),
    iam.IOidcProvider: _by_arn(iam.OidcProviderNative.from_oidc_provider_arn, "iam", "oidc-provider/example.com"),
    kinesis.IStream: _by_arn(kinesis.Stream.from_stream_arn, "kinesis", "stream/s"),
    kms.IKey: _by_arn(kms.Key.from_key_arn, "kms", "key/k"),
    lambda_.IAlias: _of_another_stack(_alias),
    lambda_.IFunction: _by_arn(lambda_.Function.from_function_arn, "lambda", "function:f"),
    lambda_.ILayerVersion: _by_arn(lambda_.LayerVersion.from_layer_version_arn, "lambda", "layer:l:1"),
    logs.ILogGroup: _by_arn(logs.LogGroup.from_log_group_arn, "logs", "log-group:g"),
    rds.IDatabaseCluster: _of_another_stack(
        lambda stack, name: rds.DatabaseCluster.from_database_cluster_attributes(
            stack, name, cluster_identifier="given"
        )
    ),
    route53.IHostedZone: _of_another_stack(
        lambda stack, name: route53.HostedZone(stack, name, zone_name="example.com")
    ),
    s3.IBucket: _bucket,
    secretsmanager.ISecret: _by_arn(
        secretsmanager.Secret.from_secret_complete_arn, "secretsmanager", "secret:s-abcdef"
    ),
    ses.IEmailIdentity: _by_arn(ses.EmailIdentity.from_email_identity_arn, "ses", "identity/example.com"),
    sns.ITopic: _by_arn(sns.Topic.from_topic_arn, "sns", "t"),
    sqs.IQueue: _by_arn(sqs.Queue.from_queue_arn, "sqs", "q"),
    stepfunctions.IStateMachine: _by_arn(stepfunctions.StateMachine.from_state_machine_arn, "states", "stateMachine:m"),
}

_OF_ANY_ACCOUNT = {kms.IKey, lambda_.ILayerVersion, secretsmanager.ISecret, sns.ITopic}
"""Their policies can let other accounts use them."""


_IN_NO_REGION: set[Any] = {
    cloudfront.ICachePolicy,
    cloudfront.IFunction,
    cognito.IUserPool,
    cognito.IUserPoolClient,
    iam.IRole,
}
"""Global; and what a token issuer of any Region is made of."""


def elsewhere(function: Callable[..., Any], name: str, hint: Any, stack: Stack | None) -> list[Any]:
    """Return resources of another Region and of another account that an annotation allows.

    Args:
        function: The constructor or method.
        name: Its option.
        hint: The option's annotation.
        stack: Where they are used.
    """
    rule = rule_of(function, name)
    if stack is None or rule is Allowed.ANYWHERE:
        return []
    found: list[Any] = []
    for kind in set(_kinds(hint)) & set(_IMPORTED):
        places = []
        global_or_allowed = kind in {route53.IHostedZone, iam.IOidcProvider} or rule is Allowed.ANY_REGION
        if not global_or_allowed and not Token.is_unresolved(stack.region):
            places.append((OTHER_REGION, ACCOUNT))
        if kind not in _OF_ANY_ACCOUNT and not Token.is_unresolved(stack.account):
            places.append((REGION, OTHER_ACCOUNT))
        made = [_IMPORTED[kind](stack, f"Elsewhere{next(_numbers)}", *place) for place in places]
        found += [[one] for one in made] if typing.get_origin(hint) is Sequence else made
    return found


def lacks_place(hint: Any) -> bool:
    """Tell whether an annotation allows a resource that this module cannot make elsewhere."""
    resources = {kind for kind in _kinds(hint) if isinstance(kind, type) and IResource in kind.__mro__}
    return bool(resources - set(_IMPORTED) - _IN_NO_REGION)


def _kinds(hint: Any) -> Iterator[Any]:
    yield hint
    for one in typing.get_args(hint):
        yield from _kinds(one)
