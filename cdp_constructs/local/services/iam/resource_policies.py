"""Policies of resources that AWS refuses: malformed ones, those for services that do not exist, and too long ones.

Each row says where a service takes policies, in templates and in requests, and how it answers. Services that are not
here keep what they are given; `tests/local/services/iam/test_resource_policies.py` lists them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jmespath  # type: ignore[import-untyped]  # it ships no types

from cdp_constructs.local.kit.patch import Group
from cdp_constructs.local.kit.validation import BODY, InvalidValueError, validate
from cdp_constructs.local.services.iam.documents import Kind, parsed, problem_of, size_of
from cdp_constructs.local.services.iam.service_principals import unknown_principals

__all__ = ["POLICIES", "Policies"]

_KIB = 1024
_NO_POLICY = (None, "")
"""None is given, or it is taken away."""


@dataclass(frozen=True, kw_only=True)
class Policies:
    """Where one service takes policies of resources, and how it refuses them.

    Attributes:
        types: Resource types that MiniStack provides; those that the embedded cloud adds are made by requests.
        requests: Operations by service, as MiniStack names it.
        at: JMESPath of the policies, in properties and in parameters alike.
        code: Error code of a malformed policy.
        begin: What the message begins with.
        kind: Which elements a statement has.
        unknown: Message about a service principal that does not exist.
        most: Bytes of the longest policy; white space counts only where the service says so.
        too_long: Error code of a longer one.
        as_sent: White space counts.
        only: Service principals that the service takes; empty for all that exist.
    """

    code: str
    at: str = "PolicyDocument"
    types: tuple[str, ...] = ()
    requests: Mapping[str, Sequence[str]] = field(default_factory=dict)
    begin: str = ""
    kind: Kind = Kind.RESOURCE
    unknown: str = 'Invalid principal in policy: "SERVICE":"{}"'
    most: int | None = None
    too_long: str = "LimitExceededException"
    as_sent: bool = False
    only: tuple[str, ...] = ()

    def check(self, values: Mapping[str, Any]) -> None:
        """Raise `InvalidValueError` for the first policy that the service would refuse."""
        for document in self._found(values):
            if document in _NO_POLICY:
                continue
            if problem := problem_of(document, self.kind):
                raise InvalidValueError(self.code, f"{self.begin}{problem}")
            for name in unknown_principals(parsed(document), self.only):
                raise InvalidValueError(self.code, f"{self.begin}{self.unknown.format(name)}")
            length = size_of(document, as_sent=self.as_sent)
            if self.most and length > self.most:
                message = f"Maximum policy size of {self.most} bytes exceeded: {length}"
                raise InvalidValueError(self.too_long, message)

    def _found(self, values: Mapping[str, Any]) -> Iterator[Any]:
        found = jmespath.search(self.at, values)
        yield from found if isinstance(found, list) else [found]


POLICIES: tuple[Policies, ...] = (
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
    Policies(
        types=("AWS::SQS::QueuePolicy",),
        requests={"sqs": ("CreateQueue", "SetQueueAttributes")},
        # `Attribute.1.Name` is how the Query protocol of SQS writes an attribute.
        at="[PolicyDocument, Attributes.Policy, Attribute && values(Attribute)[?Name=='Policy'].Value | [0]]",
        code="InvalidAttributeValue",
        begin="Invalid value for the parameter Policy. ",
        unknown="principal {}",
        most=8 * _KIB,
        too_long="OverLimit",
    ),
    # https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-api-permissions-reference.html
    Policies(
        types=("AWS::SNS::TopicPolicy",),
        requests={"sns": ("CreateTopic", "SetTopicAttributes")},
        at="[PolicyDocument, Attributes.Policy, AttributeName=='Policy' && AttributeValue || null]",
        code="InvalidParameter",
        begin="Invalid parameter: Policy Error: ",
        unknown="PrincipalNotFound: {}",
        most=30 * _KIB,
        too_long="InvalidParameter",
    ),
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/add-bucket-policy.html
    Policies(
        types=("AWS::S3::BucketPolicy",),
        requests={"s3": ("PutBucketPolicy",)},
        at=f"PolicyDocument || {BODY}",
        code="MalformedPolicy",
        unknown="Invalid principal in policy: {}",
        most=20 * _KIB,
        too_long="PolicyTooLarge",
    ),
    Policies(types=("AWS::S3::AccessPoint",), at="Policy", code="MalformedPolicy", most=20 * _KIB),
    # https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
    Policies(
        types=("AWS::KMS::Key",),
        requests={"kms": ("CreateKey", "PutKeyPolicy", "ReplicateKey")},
        at="KeyPolicy || Policy",
        code="MalformedPolicyDocumentException",
        unknown="Policy contains a statement with one or more invalid principals: {}",
        most=32 * _KIB,
    ),
    # https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
    Policies(
        requests={"secretsmanager": ("PutResourcePolicy",)},
        at="ResourcePolicy",
        code="MalformedPolicyDocumentException",
        begin="This resource policy contains a syntax error. ",
        most=20 * _KIB,
        too_long="InvalidParameterException",
    ),
    # https://docs.aws.amazon.com/general/latest/gr/iot-core.html: policies of devices.
    Policies(
        types=("AWS::IoT::Policy",),
        requests={"iot": ("CreatePolicy", "CreatePolicyVersion")},
        at="PolicyDocument || policyDocument",
        code="MalformedPolicyException",
        begin="Policy document is Malformed: ",
        kind=Kind.IDENTITY,
        most=2 * _KIB,
        too_long="MalformedPolicyException",
    ),
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
    Policies(
        types=("AWS::Events::EventBus",),
        requests={"events": ("PutPermission",)},
        at="Policy",
        code="ValidationException",
        begin="Parameter Policy is not valid. Reason: ",
        most=10 * _KIB,
        too_long="PolicyLengthExceededException",
    ),
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-considerations.html: white space counts.
    Policies(
        types=("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"),
        requests={"dynamodb": ("CreateTable", "PutResourcePolicy")},
        at="[Policy, ResourcePolicy.PolicyDocument || ResourcePolicy,"
        " StreamSpecification.ResourcePolicy.PolicyDocument,"
        " Replicas[].[ResourcePolicy, ReplicaStreamSpecification.ResourcePolicy][].PolicyDocument][]",
        code="ValidationException",
        begin="One or more parameter values were invalid: Invalid policy document: ",
        unknown="Policy contains invalid service principal: {}",
        only=("redshift.amazonaws.com", "replication.dynamodb.amazonaws.com"),
        most=20 * _KIB,
        too_long="LimitExceededException",
        as_sent=True,
    ),
    # https://docs.aws.amazon.com/streams/latest/dev/controlling-access.html
    Policies(
        requests={"kinesis": ("PutResourcePolicy",)},
        at="Policy",
        code="InvalidArgumentException",
        begin="Policy validation error: ",
    ),
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html
    Policies(
        types=("AWS::Logs::ResourcePolicy", "AWS::Logs::LogGroup"),
        requests={"logs": ("PutResourcePolicy", "PutDestinationPolicy", "PutDeliveryDestinationPolicy")},
        at="PolicyDocument || ResourcePolicyDocument || policyDocument || accessPolicy || deliveryDestinationPolicy",
        code="InvalidParameterException",
        begin="Could not convert to persistable policy. ",
        most=51_200,
        too_long="InvalidParameterException",
    ),
    # https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html
    Policies(
        types=("AWS::ECR::Repository",),
        requests={"ecr": ("SetRepositoryPolicy",)},
        at="RepositoryPolicyText || policyText",
        code="InvalidParameterException",
        begin="Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'. ",
        kind=Kind.REPOSITORY,
        most=10 * _KIB,
        too_long="InvalidParameterException",
    ),
    # https://docs.aws.amazon.com/efs/latest/ug/API_PutFileSystemPolicy.html
    Policies(
        types=("AWS::EFS::FileSystem",),
        requests={"elasticfilesystem": ("PutFileSystemPolicy",)},
        at="FileSystemPolicy || Policy",
        code="InvalidPolicyException",
        kind=Kind.FILE_SYSTEM,
        most=20_000,
        too_long="InvalidPolicyException",
    ),
    # https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
    Policies(
        types=("AWS::EC2::VPCEndpoint",),
        requests={"ec2": ("CreateVpcEndpoint", "ModifyVpcEndpoint")},
        code="InvalidPolicyDocument",
        most=20_480,
        too_long="InvalidPolicyDocument",
    ),
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
    Policies(
        types=("AWS::ApiGateway::RestApi",),
        at="Policy",
        code="BadRequestException",
        begin="Invalid policy document. Please check the policy syntax and ensure that Principals are valid. ",
        most=8192,
        too_long="BadRequestException",
    ),
    # https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html
    Policies(
        types=("AWS::OpenSearchService::Domain",),
        requests={"opensearch": ("CreateDomain", "UpdateDomainConfig")},
        at="AccessPolicies",
        code="ValidationException",
        begin="Error setting policy: ",
        most=100 * _KIB,
        too_long="LimitExceededException",
    ),
)
"""By service, in the order in which they came."""


def _checks() -> Iterator[Group]:
    for policies in POLICIES:
        check: Callable[[Mapping[str, Any]], None] = policies.check
        yield validate(types=policies.types, requests=policies.requests)(check)


_CHECKS = Group([*_checks()])
