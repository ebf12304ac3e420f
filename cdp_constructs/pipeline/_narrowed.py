"""Statements of CDK Pipelines that name `*` although what they are for is known, narrowed to that."""

from collections.abc import Sequence
from typing import Any

import jsii
from aws_cdk import IStableAnyProducer, Lazy, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge_resources

__all__ = ["narrow"]

_USE_KEY = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")
_BY_ALIAS = "Only keys that have the alias of a replication bucket; CloudFormation makes their ids in other stacks."


def narrow(scope: Construct, pipeline: codepipeline.Pipeline) -> None:
    """Let the pipeline use the keys of its own buckets only, and the publishing role start its own builds only.

    Args:
        scope: The pattern.
        pipeline: Its pipeline, with its stages.
    """
    children = scope.node.find_all()
    for policy in [child for child in children if isinstance(child, iam.Policy)]:
        if policy.node.path == f"{pipeline.node.path}/Role/DefaultPolicy":
            _narrow_keys(policy, pipeline)
        if "/Assets/" in policy.node.path:
            folder = policy.node.path.partition("/Assets/")[0]
            own = [
                child.project_arn
                for child in children
                if isinstance(child, codebuild.Project) and child.node.path.startswith(f"{folder}/Assets/")
            ]
            _replace(policy, "codebuild:StartBuild", own)


def _narrow_keys(policy: iam.Policy, pipeline: codepipeline.Pipeline) -> None:
    stack = Stack.of(pipeline)
    keys, aliases = [], []
    for region, support in pipeline.cross_region_support.items():
        key = support.replication_bucket.encryption_key
        if key is not None:
            # The CDK gives the bucket an alias for a key; its ARN is known in the pipeline's stack.
            aliases.append(stack.resolve(key.key_arn).rpartition(":")[2])
            keys.append(stack.format_arn(service="kms", region=region, resource="key", resource_name="*"))
    if not keys:
        return
    own = pipeline.artifact_bucket.encryption_key
    _replace(policy, "kms:Decrypt", [] if own is None else [own.key_arn])
    pipeline.add_to_role_policy(
        iam.PolicyStatement(
            actions=list(_USE_KEY),
            resources=keys,
            conditions={"ForAnyValue:StringEquals": {"kms:ResourceAliases": aliases}},
        )
    )
    acknowledge_resources(policy, keys, _BY_ALIAS)


def _replace(policy: iam.Policy, action: str, resources: Sequence[str]) -> None:
    """Replace the resources of the statement that has an action and names `*`."""
    resource: iam.CfnPolicy = policy.node.default_child  # type: ignore[assignment]  # its only L1
    resource.policy_document = Lazy.any(_Narrowed(policy, action, resources))


@jsii.implements(IStableAnyProducer)
class _Narrowed:
    """The document of a policy as it is when the template is written: what is granted later is in it."""

    def __init__(self, policy: iam.Policy, action: str, resources: Sequence[str]) -> None:
        self._policy, self._action, self._resources = policy, action, list(resources)

    def produce(self) -> Any:
        """Return the document."""
        stack = Stack.of(self._policy)
        document = stack.resolve(self._policy.document)
        for statement in document["Statement"]:
            named = statement["Resource"]
            if self._action in statement["Action"] and "*" in (named if isinstance(named, list) else [named]):
                statement["Resource"] = stack.resolve(self._resources)
        return document
