"""What cdk-nag finds in roles that CDK Pipelines makes, and why it is accepted; what else it finds stays open."""

from collections.abc import Iterator

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge, acknowledge_resources
from cdp_constructs.core.cdk import s3

__all__ = ["accept_of_cdk_pipelines"]

_KINDS_OF_ACTIONS = (
    *("s3:Abort*", "s3:DeleteObject*", "s3:GetBucket*", "s3:GetObject*", "s3:List*"),
    *("kms:GenerateDataKey*", "kms:ReEncrypt*"),
)
_ACTIONS = "Reading and writing of artifacts as the CDK grants it, on the artifact buckets and their keys."
_OBJECTS = "Objects of the artifact buckets, whose names CodePipeline chooses."
_OWN_BUILDS = "Log streams and test reports of this one project, whose names CodeBuild begins with the project's."
_ASSETS = (
    "Logs and test reports of the projects that publish files and images, which share a role; it assumes nothing but "
    "the publishing roles of cdk bootstrap that are named."
)
_SELF_MUTATION = (
    "Only roles that cdk bootstrap has tagged for deployments and for publishing; and cdk deploy looks for the "
    "bootstrap stack and its bucket, without changing or reading what is in them."
)


def accept_of_cdk_pipelines(scope: Construct, pipeline: codepipeline.Pipeline, bucket: "s3.IBucket") -> None:
    """Accept the wildcards in the roles that CDK Pipelines made below a construct.

    Args:
        scope: The pattern.
        pipeline: Its pipeline.
        bucket: Its artifact bucket.
    """
    children = scope.node.find_all()
    policies = {child.node.path: child for child in children if isinstance(child, iam.Policy)}
    others = [support.replication_bucket for support in pipeline.cross_region_support.values()]
    for path, policy in policies.items():
        acknowledge(policy, [f"AwsSolutions-IAM5[Action::{action}]" for action in _KINDS_OF_ACTIONS], _ACTIONS)
        acknowledge_resources(policy, [one.arn_for_objects("*") for one in (bucket, *others)], _OBJECTS)
        if path.endswith("/UpdatePipeline/SelfMutation/Role/DefaultPolicy"):
            role = f"arn:*:iam::{Stack.of(scope).account}:role/*"
            acknowledge_resources(policy, ["*", role], _SELF_MUTATION)
        if "/Assets/" in path:
            acknowledge_resources(policy, list(_builds(scope, "")), _ASSETS)
    for project in children:
        if isinstance(project, codebuild.Project) and (own := policies.get(f"{project.node.path}/Role/DefaultPolicy")):
            acknowledge_resources(own, list(_builds(scope, project.project_name)), _OWN_BUILDS)


def _builds(scope: Construct, project_name: str) -> Iterator[str]:
    """Return the ARNs of a project's logs and test reports as the CDK writes them; of all projects without a name."""
    stack = Stack.of(scope)
    groups = stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"/aws/codebuild/{project_name or '*'}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    yield f"{groups}:*" if project_name else groups
    yield stack.format_arn(
        service="codebuild", resource="report-group", resource_name=f"{project_name}-*" if project_name else "*"
    )
