"""IAM: policies of AWS that MiniStack does not have, and that the CDK attaches to roles of what runs here.

https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
"""

import json
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import replace

_iam: Any = ministack.module("services.iam", "_AWS_MANAGED_POLICY_PREFIX", "_make_aws_managed_record")

_SHIFT = [
    "cloudwatch:DescribeAlarms",
    "lambda:GetAlias",
    "lambda:GetProvisionedConcurrencyConfig",
    "lambda:UpdateAlias",
]
_READ = ["s3:GetObject", "s3:GetObjectVersion"]
_REVISIONS: list[dict[str, Any]] = [
    {"Action": _READ, "Resource": "arn:aws:s3:::*/CodeDeploy/*"},
    {
        "Action": _READ,
        "Resource": "*",
        "Condition": {"StringEquals": {"s3:ExistingObjectTag/UseWithCodeDeploy": "true"}},
    },
    {"Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:*:*:function:CodeDeployHook_*"},
]
_STATEMENTS: dict[str, list[dict[str, Any]]] = {
    "service-role/AWSCodeDeployRoleForLambda": [{"Action": [*_SHIFT, "sns:Publish"], "Resource": "*"}, *_REVISIONS],
    "service-role/AWSCodeDeployRoleForLambdaLimited": [{"Action": _SHIFT, "Resource": "*"}, *_REVISIONS],
}


@replace("ministack.services.iam:_aws_managed_policies")
def _with_more(original: dict[str, Any]) -> dict[str, Any]:
    records = dict(original)
    for name, statements in _STATEMENTS.items():
        allowed = [{"Effect": "Allow", **statement} for statement in statements]
        document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
        records[f"{_iam._AWS_MANAGED_POLICY_PREFIX}{name}"] = _iam._make_aws_managed_record(name, document)
    return records
