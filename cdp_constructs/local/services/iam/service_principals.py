"""IAM: service principals that do not exist fail the role, the policy or the permission that names them.

AWS publishes no list of them. A name is taken when one of its parts is known: the services of the AWS SDK, and those
principals whose service has another name there. So a new principal of a known service is taken, and a wrong spelling
is not.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import botocore.session

from cdp_constructs.local.kit.validation import InvalidValueError, validate
from cdp_constructs.local.services.iam.documents import parsed

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
        *("dnssec-route53", "fargate", "lexv2", "spot", "voiceid"),
    )
)


@cache
def _known() -> frozenset[str]:
    loader = botocore.session.get_session().get_component("data_loader")
    return _OTHER_NAMES | frozenset(loader.list_available_services("service-2"))


def _exists(name: str) -> bool:
    suffix = next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), None)
    return suffix is not None and not _known().isdisjoint(name.removesuffix(suffix).split("."))


def unknown_principals(document: Any, only: Sequence[str] = ()) -> Iterator[str]:
    """Yield the service principals of a policy that do not exist, or that are none of those that are taken."""
    statements = document.get("Statement") or [] if isinstance(document, Mapping) else []
    for statement in statements if isinstance(statements, list) else [statements]:
        for element in ("Principal", "NotPrincipal"):
            principal = statement.get(element) if isinstance(statement, Mapping) else None
            services = principal.get("Service", []) if isinstance(principal, Mapping) else []
            for name in [services] if isinstance(services, str) else services:
                if isinstance(name, str) and name != "*" and not (name in only if only else _exists(name)):
                    yield name


@validate(types=("AWS::IAM::Role",), requests={"iam": ("CreateRole", "UpdateAssumeRolePolicy")})
def _of_role(values: Mapping[str, Any]) -> None:
    document = parsed(values.get("AssumeRolePolicyDocument", values.get("PolicyDocument")))
    for name in unknown_principals(document):
        raise InvalidValueError("MalformedPolicyDocument", f'Invalid principal in policy: "SERVICE":"{name}"')


@validate(types=("AWS::Lambda::Permission",), requests={"lambda": ("AddPermission",)})
def _of_function(values: Mapping[str, Any]) -> None:
    name = values.get("Principal")
    # Accounts and roles are no services.
    if isinstance(name, str) and name.endswith(_SUFFIXES) and not _exists(name):
        message = f"The provided principal was invalid. Please check the principal and try again: {name}"
        raise InvalidValueError("InvalidParameterValueException", message)
