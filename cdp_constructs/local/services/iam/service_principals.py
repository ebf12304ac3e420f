"""IAM: service principals that do not exist fail the role, the policy or the permission that names them.

AWS publishes no list of them. A name is taken when one of its parts is known: the services of the AWS SDK, and those
principals whose service has another name there. So a new principal of a known service is taken, and a wrong spelling
is not.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session

from cdp_constructs.local.kit.patch import Change, Group
from cdp_constructs.local.kit.refine import before
from cdp_constructs.local.kit.types import Properties

__all__ = ["unknown_principals"]

_SUFFIXES = (".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".aws.internal")
_OTHER_NAMES = frozenset(
    (
        *("access-analyzer", "airflow", "airflow-env", "alexa-appkit", "alexa-connectedhome", "amazonmq", "automation"),
        *("aws-artifact-account-sync", "billingconsole", "cloudwatch-crossaccount", "codestar", "config-conforms"),
        *("config-multiaccountsetup", "costalerts", "deeplens", "ec2fleet", "ec2scheduled", "ecs-tasks", "edgelambda"),
        *("eks-fargate", "eks-fargate-pods", "eks-nodegroup", "elasticache-snapshot", "elasticfilesystem", "iotevents"),
        *("elasticloadbalancing", "elasticmapreduce", "elastictranscoder", "freertos", "iotanalytics", "lex", "macie"),
        *("managedservices", "metering-marketplace", "migrationhub", "monitoring", "opsworks", "opsworks-cm", "qldb"),
        *("purchaseorders", "robomaker", "sms", "spotfleet", "states", "tag", "tagging", "timestream", "wam"),
        *("transitgateway", "tts", "vmie", "vpc-flow-logs", "worklink", "aps", "bedrock", "eks-auth", "grafana"),
        *("redshift-serverless", "aoss", "osis", "opensearchservice", "verifiedpermissions", "vpc-lattice"),
    )
)


@cache
def _known() -> frozenset[str]:
    loader = botocore.session.get_session().get_component("data_loader")
    return _OTHER_NAMES | frozenset(loader.list_available_services("service-2"))


def _exists(name: str) -> bool:
    suffix = next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), None)
    return suffix is not None and not _known().isdisjoint(name.removesuffix(suffix).split("."))


def unknown_principals(document: Any) -> Iterator[str]:
    """Yield the service principals of a policy that do not exist."""
    statements = document.get("Statement") or [] if isinstance(document, Mapping) else []
    for statement in statements if isinstance(statements, list) else [statements]:
        for element in ("Principal", "NotPrincipal"):
            principal = statement.get(element) if isinstance(statement, Mapping) else None
            services = principal.get("Service", []) if isinstance(principal, Mapping) else []
            for name in [services] if isinstance(services, str) else services:
                if isinstance(name, str) and name != "*" and not _exists(name):
                    yield name


_DOCUMENTS: Mapping[str, tuple[str, str]] = {
    "AWS::IAM::Role": ("AssumeRolePolicyDocument", 'Invalid principal in policy: "SERVICE":"{}"'),
    "AWS::S3::BucketPolicy": ("PolicyDocument", "Invalid principal in policy: {}"),
    "AWS::SNS::TopicPolicy": ("PolicyDocument", "Invalid parameter: Policy Error: PrincipalNotFound: {}"),
    "AWS::SQS::QueuePolicy": ("PolicyDocument", "Invalid value for the parameter Policy: principal {}"),
    "AWS::KMS::Key": ("KeyPolicy", "Policy contains a statement with one or more invalid principals: {}"),
}
"""By type of resource: where the policy stands, and what AWS says."""


def _checking(resource_type: str) -> Change:
    member, message = _DOCUMENTS[resource_type]

    @before(resource_type)
    def check(properties: Properties) -> None:
        for name in unknown_principals(properties.get(member)):
            raise ValueError(message.format(name))

    return check


@before("AWS::Lambda::Permission")
def _of_function(properties: Properties) -> None:
    name = properties.get("Principal")
    # Accounts and roles are no services.
    if isinstance(name, str) and name.endswith(_SUFFIXES) and not _exists(name):
        raise ValueError(f"The provided principal was invalid. Please check the principal and try again: {name}")


_CHECKS = Group([_checking(resource_type) for resource_type in _DOCUMENTS])
