"""Statements of CDK Pipelines, corrected: what names `*` although it is known what for, and actions of an old name."""

from collections.abc import Mapping, Sequence
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
_OLD_NAME, _NEW_NAME = "codestar-connections:UseConnection", "codeconnections:UseConnection"
_BY_ALIAS = "Only keys that have the alias of a replication bucket; CloudFormation makes their ids in other stacks."


def narrow(scope: Construct, pipeline: codepipeline.Pipeline) -> None:
    """Let roles of CDK Pipelines do what they do, and no more.

    The pipeline uses the keys of its own buckets only, the role that publishes starts its own builds only, and what
    uses a connection does so by the name that it has.

    Args:
        scope: The pattern.
        pipeline: Its pipeline, with its stages.
    """
    children = scope.node.find_all()
    for policy in [child for child in children if isinstance(child, iam.Policy)]:
        path = policy.node.path
        replaced = {}
        if path == f"{pipeline.node.path}/Role/DefaultPolicy" and pipeline.cross_region_support:
            _allow_keys_of_other_regions(policy, pipeline)
            own = pipeline.artifact_bucket.encryption_key
            replaced["kms:Decrypt"] = [] if own is None else [own.key_arn]
        if "/Assets/" in path:
            projects = [child for child in children if isinstance(child, codebuild.Project)]
            folder = f"{path.partition('/Assets/')[0]}/Assets/"
            own_projects = [one.project_arn for one in projects if one.node.path.startswith(folder)]
            replaced["codebuild:StartBuild"] = own_projects
        resource: iam.CfnPolicy = policy.node.default_child  # type: ignore[assignment]  # its only L1
        resource.policy_document = Lazy.any(_Corrected(policy, replaced))


def _allow_keys_of_other_regions(policy: iam.Policy, pipeline: codepipeline.Pipeline) -> None:
    stack = Stack.of(pipeline)
    keys, aliases = [], []
    for region, support in pipeline.cross_region_support.items():
        key = support.replication_bucket.encryption_key
        if key is not None:
            # The CDK gives the bucket an alias for a key; its ARN is known in the pipeline's stack.
            aliases.append(stack.resolve(key.key_arn).rpartition(":")[2])
            keys.append(stack.format_arn(service="kms", region=region, resource="key", resource_name="*"))
    pipeline.add_to_role_policy(
        iam.PolicyStatement(
            actions=list(_USE_KEY),
            resources=keys,
            conditions={"ForAnyValue:StringEquals": {"kms:ResourceAliases": aliases}},
        )
    )
    acknowledge_resources(policy, keys, _BY_ALIAS)


@jsii.implements(IStableAnyProducer)
class _Corrected:
    """The document of a policy as it is when the template is written: what is granted later is in it."""

    def __init__(self, policy: iam.Policy, replaced: Mapping[str, Sequence[str]]) -> None:
        """Correct nothing yet.

        Args:
            policy: The policy.
            replaced: Resources of the statement that has an action and names ``*``, by the action.
        """
        self._policy, self._replaced = policy, replaced

    def produce(self) -> Any:
        """Return the document."""
        stack = Stack.of(self._policy)
        document = stack.resolve(self._policy.document)
        for statement in document["Statement"]:
            named = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            for action, resources in self._replaced.items():
                if action in statement["Action"] and "*" in named:
                    statement["Resource"] = stack.resolve(list(resources))
            # The prefix of the action has to be that of the connection, and the CDK writes the one until 2024:
            # https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html
            if statement["Action"] == _OLD_NAME and ":codestar-connections:" not in str(named):
                statement["Action"] = _NEW_NAME if ":codeconnections:" in str(named) else [_NEW_NAME, _OLD_NAME]
        return document
