"""What every template owes to whoever has an account: least permissions, private data, no secret in the open.

Each check returns what breaks it, a line each.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Template = dict[str, Any]
Statement = Mapping[str, Any]

# Actions for which AWS has no resource to name: https://docs.aws.amazon.com/service-authorization/latest/reference/
WITHOUT_RESOURCES = {
    "cloudwatch:GetMetricStatistics",
    # Of the caller's own statements, by a condition.
    "redshift-data:DescribeStatement",
    "iot:UpdateIndexingConfiguration",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
    # Lists of the registry, and types, as the provisioning role reads them.
    "iot:DescribeThingType",
    "iot:ListAttachedPolicies",
    "iot:ListPolicyPrincipals",
    "iot:ListPrincipalPolicies",
    "iot:ListPrincipalThings",
    "iot:ListThingPrincipals",
    # What fleet provisioning does by its role; it may do no more with it than the role's other actions.
    "iot:RegisterThing",
    # Lambda wants it of the role of a mapping of a stream.
    "dynamodb:ListStreams",
}
# Key groups and public keys get their ids from CloudFront, after the function that makes and rotates them was deployed.
WITHOUT_RESOURCES |= {
    f"cloudfront:{verb}{what}" for what in ("KeyGroup", "PublicKey") for verb in ("Create", "Delete", "Get", "Update")
} | {"cloudfront:ListKeyGroups", "cloudfront:ListPublicKeys"}

# The CDK's function that copies the web client into its bucket: the grants are the CDK's own.
CDK_DEPLOYMENT = "CustomCDKBucketDeployment"
CDK_DEPLOYMENT_WILDCARDS = {"s3:Abort*", "s3:DeleteObject*", "s3:GetBucket*", "s3:GetObject*", "s3:List*"}
# CloudFront writes its logs by ACL, which this bucket therefore has: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-s3-permissions.html
LOG_BUCKET = "AccessLogs"

SECRETIVE = re.compile(r"SECRET|TOKEN|PASSWORD|PRIVATE|API_?KEY|CREDENTIAL", re.IGNORECASE)
# They assume a role only for the resource that names it, which took iam:PassRole. Redshift restricts a role by the
# ExternalId of a database user, who exists after the deployment: https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service-database-users.html
FOR_ONE_RESOURCE = {"lambda.amazonaws.com", "redshift.amazonaws.com", "redshift-serverless.amazonaws.com"}

DOCUMENTS = ("PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy", "ResourcePolicy")


def permissions_without_need(template: Template) -> list[str]:
    """Wildcards in actions, permissions on IAM itself, and ``*`` where AWS has resources to name."""
    found = []
    for logical_id, document, statement in _statements(template):
        if statement["Effect"] != "Allow" or document == "AssumeRolePolicyDocument":
            continue
        actions = _list(statement.get("Action", "NotAction"))
        # A key's policy delegates to IAM, without which nobody could ever change it: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
        own_account = document == "KeyPolicy" and "AWS" in statement["Principal"] and actions == ["kms:*"]
        known = CDK_DEPLOYMENT_WILDCARDS if logical_id.startswith(CDK_DEPLOYMENT) else set()
        found += [
            f"{logical_id}: {action}"
            for action in actions
            if ("*" in action and not own_account and action not in known)
            or action.startswith("iam:")
            or action in {"NotAction", "sts:AssumeRole"}
        ]
        if document == "PolicyDocument" and "*" in _list(statement.get("Resource", "none")):
            found += [f"{logical_id}: {action} on *" for action in sorted(set(actions) - WITHOUT_RESOURCES)]
    return found


def callers_without_condition(template: Template) -> list[str]:
    """Services that may act for anybody's resource, and principals that are not of this account."""
    found = []
    for logical_id, document, statement in _statements(template):
        principal = statement.get("Principal")
        if statement["Effect"] != "Allow" or principal is None:
            continue
        condition = json.dumps(statement.get("Condition", {}))
        services = _list(principal.get("Service", [])) if isinstance(principal, dict) else []
        unbound = [service for service in services if service not in FOR_ONE_RESOURCE or "Role" not in document]
        if unbound and not re.search(r"aws:SourceArn|aws:SourceAccount", condition, re.IGNORECASE):
            found.append(f"{logical_id}: {unbound} without aws:SourceArn and aws:SourceAccount")
        if not services and ":root" not in json.dumps(principal):
            found.append(f"{logical_id}: {json.dumps(principal)}")
    for logical_id, permission in _resources(template, "AWS::Lambda::Permission"):
        if not {"SourceArn", "SourceAccount"} & set(permission):
            found.append(f"{logical_id}: {permission['Principal']} without SourceArn and SourceAccount")
    return found


def open_buckets(template: Template) -> list[str]:
    """Buckets that could be public, are reached without TLS, or have owners by ACL."""
    private = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    tls_only = _tls_only(template, "AWS::S3::BucketPolicy", "Bucket")
    found = []
    for logical_id, bucket in _resources(template, "AWS::S3::Bucket"):
        if bucket.get("PublicAccessBlockConfiguration") != private:
            found.append(f"{logical_id}: could be public")
        if "BucketEncryption" not in bucket:
            found.append(f"{logical_id}: not encrypted by a setting")
        ownership = [rule["ObjectOwnership"] for rule in bucket.get("OwnershipControls", {}).get("Rules", [])]
        if ownership != ["BucketOwnerEnforced"] and not logical_id.startswith(LOG_BUCKET):
            found.append(f"{logical_id}: {ownership}")
        if logical_id not in tls_only:
            found.append(f"{logical_id}: without TLS too")
    return found


def plain_queues_and_topics(template: Template) -> list[str]:
    """Queues and topics that are reached without TLS."""
    return [
        f"{logical_id}: without TLS too"
        for kind, policy, target in (
            ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
            ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics"),
        )
        for logical_id, _ in _resources(template, kind)
        if logical_id not in _tls_only(template, policy, target)
    ]


def secrets_in_the_open(template: Template) -> list[str]:
    """Values of secrets in variables, outputs or the template; a reference to a secret is its ARN."""
    secrets = dict(_resources(template, "AWS::SecretsManager::Secret"))
    found = [f"{logical_id}: SecretString" for logical_id, secret in secrets.items() if "SecretString" in secret]
    places: dict[str, Any] = {
        f"{logical_id}.{name}": value
        for logical_id, function in _resources(template, "AWS::Lambda::Function")
        for name, value in function.get("Environment", {}).get("Variables", {}).items()
    }
    places |= {f"Outputs.{name}": output["Value"] for name, output in template.get("Outputs", {}).items()}
    for place, value in places.items():
        if "{{resolve:" in json.dumps(value):
            found.append(f"{place}: the value of a secret")
        if SECRETIVE.search(place.rpartition(".")[2]) and not _is_arn(value, secrets):
            found.append(f"{place}: no ARN of a secret, but {json.dumps(value)}")
    return found


def endless_logs(template: Template) -> list[str]:
    """Log groups that keep everything, and functions that would make such a one."""
    found = [
        f"{logical_id}: no end"
        for logical_id, group in _resources(template, "AWS::Logs::LogGroup")
        if not isinstance(group.get("RetentionInDays"), int)
    ]
    functions = _resources(template, "AWS::Lambda::Function")
    return found + [
        f"{logical_id}: a log group by default"
        for logical_id, function in functions
        if "LogGroup" not in function.get("LoggingConfig", {})
    ]


def tables_that_can_be_lost(template: Template) -> list[str]:
    """Tables, in each Region, without point-in-time recovery or deletion protection."""
    found = [f"{logical_id}: not a global table" for logical_id, _ in _resources(template, "AWS::DynamoDB::Table")]
    for logical_id, table in _resources(template, "AWS::DynamoDB::GlobalTable"):
        for replica in table["Replicas"]:
            recovery = replica.get("PointInTimeRecoverySpecification", {})
            if not recovery.get("PointInTimeRecoveryEnabled"):
                found.append(f"{logical_id}: no point-in-time recovery in {replica['Region']}")
            if not replica.get("DeletionProtectionEnabled"):
                found.append(f"{logical_id}: no deletion protection in {replica['Region']}")
    return found


CHECKS = (
    permissions_without_need,
    callers_without_condition,
    open_buckets,
    plain_queues_and_topics,
    secrets_in_the_open,
    endless_logs,
    tables_that_can_be_lost,
)


def exposed(templates: Mapping[str, Template]) -> list[str]:
    """Return what breaks any of the checks, by stack."""
    return [f"{name}/{line}" for name, template in templates.items() for check in CHECKS for line in check(template)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _resources(template: Template, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for logical_id, resource in template.get("Resources", {}).items():
        if resource["Type"] == kind:
            yield logical_id, resource.get("Properties", {})


def _statements(template: Template) -> Iterator[tuple[str, str, Statement]]:
    """Yield every statement with the resource and the property that it is in; those of IoT are for devices."""
    for logical_id, resource in template.get("Resources", {}).items():
        if resource["Type"] == "AWS::IoT::Policy":
            continue
        properties = resource.get("Properties", {})
        documents = [(name, properties[name]) for name in DOCUMENTS if isinstance(properties.get(name), dict)]
        documents += [("PolicyDocument", policy["PolicyDocument"]) for policy in _inline(properties)]
        for name, document in documents:
            # The policy of a key is its KeyPolicy, and nothing else has one.
            for statement in _list(document["Statement"]):
                yield logical_id, name, statement


def _inline(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    policies = properties.get("Policies", [])
    return [policy for policy in policies if isinstance(policy, dict) and "PolicyDocument" in policy]


def _tls_only(template: Template, kind: str, target: str) -> set[str]:
    """Return the logical ids of what a policy refuses without TLS."""
    found: set[str] = set()
    for _, policy in _resources(template, kind):
        refusing = [
            statement
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
            and statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") == "false"
        ]
        if refusing:
            found |= {each["Ref"] for each in _list(policy[target]) if "Ref" in each}
    return found


def _is_arn(value: Any, secrets: Mapping[str, Any]) -> bool:
    if isinstance(value, dict) and value.get("Ref") in secrets:
        return True
    text = json.dumps(value)
    return bool(re.search(r"arn:[a-z${}:-]*", text)) or "Fn::GetStackOutput" in text
