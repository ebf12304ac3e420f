"""The CDK's service modules under their short names, each imported when something of it is used first.

Annotations name types of many services, and importing all of these takes seconds. So modules take the names from here,
and an annotation in quotes still resolves at run time: ``typing.get_type_hints`` imports what it meets.

    from cdp_constructs.core.cdk import kms

    def add(key: "kms.IKey | None") -> None: ...
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aws_cdk import aws_apigatewayv2 as apigatewayv2
    from aws_cdk import aws_certificatemanager as certificatemanager
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
    from aws_cdk import aws_cognito as cognito
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_elasticloadbalancingv2 as elasticloadbalancingv2
    from aws_cdk import aws_glue as glue
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_kinesis as kinesis
    from aws_cdk import aws_kinesisfirehose as kinesisfirehose
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_rds as rds
    from aws_cdk import aws_redshiftserverless as redshiftserverless
    from aws_cdk import aws_route53 as route53
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_secretsmanager as secretsmanager
    from aws_cdk import aws_ses as ses
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs
    from aws_cdk import aws_stepfunctions as stepfunctions

__all__ = [
    "apigatewayv2",
    "certificatemanager",
    "cloudwatch",
    "cloudwatch_actions",
    "cognito",
    "dynamodb",
    "elasticloadbalancingv2",
    "glue",
    "iam",
    "kinesis",
    "kinesisfirehose",
    "kms",
    "lambda_",
    "logs",
    "rds",
    "redshiftserverless",
    "route53",
    "s3",
    "secretsmanager",
    "ses",
    "sns",
    "sqs",
    "stepfunctions",
]


class _LazyModule:
    """Stands for a module that is imported when an attribute of it is read first."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> _LazyModule:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}; add the service to its lists")
        return _LazyModule(f"aws_cdk.aws_{name.removesuffix('_')}")
