"""How files get into a bucket at deployment: by the CDK's own function, one per stack."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as s3_deployment
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge, acknowledge_each, acknowledge_resources
from cdp_constructs.core.paths import stack_of


def deploy_files(
    scope: Construct,
    construct_id: str,
    *,
    bucket: s3.IBucket,
    source: s3_deployment.ISource,
    log_group: logs.ILogGroup,
    cache_control: str,
    prune: bool,
    only: str | None = None,
    without: Sequence[str] = (),
    content_type: str | None = None,
    prefix: str | None = None,
) -> s3_deployment.BucketDeployment:
    """Put files of a source into a bucket. Nothing is invalidated, so that no permission on a distribution is needed.

    Args:
        scope: The pattern that owns the files.
        construct_id: Id of the deployment inside ``scope``.
        bucket: Where they go.
        source: Where they come from.
        log_group: That of the stack; see ``deployment_logs``.
        cache_control: How long readers keep them.
        prune: Whether files of the bucket that the source lacks are removed; those that are left out stay.
        only: Pattern of the files that are taken; all by default.
        without: Patterns of the files that are left out; none by default.
        content_type: What readers take them for; by default what the extension says.
        prefix: Where in the bucket they go, and what alone ``prune`` looks at; the whole bucket by default.
    """
    return s3_deployment.BucketDeployment(
        scope,
        construct_id,
        sources=[source],
        destination_bucket=bucket,
        destination_key_prefix=prefix,
        cache_control=[s3_deployment.CacheControl.from_string(cache_control)],
        prune=prune,
        exclude=["*"] if only is not None else list(without) or None,
        content_type=content_type,
        include=None if only is None else [only],
        log_group=log_group,
        output_object_keys=False,
    )


def deployment_logs(scope: Construct) -> logs.ILogGroup:
    """Return where the function of the CDK that deploys files logs, one per stack as the function is."""
    stack = stack_of(scope)
    made = stack.node.try_find_child("SiteDeploymentLogs")
    if made is not None:
        return made  # type: ignore[return-value]  # made below
    return logs.LogGroup(
        stack, "SiteDeploymentLogs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.DESTROY
    )


def acknowledge_deployments(scope: Construct, role: iam.IRole, buckets: Sequence[s3.IBucket]) -> None:
    """Accept how the CDK makes the one function per stack that deploys files.

    Args:
        scope: The pattern that owns the files.
        role: The function's, as any deployment of the stack has it.
        buckets: Where the files go.
    """
    function = role.node.scope
    stack = stack_of(scope)
    called = (
        "CDK's own function and its runtime; CloudFormation calls it during a deployment, waits for its answer, and "
        "fails the deployment without one."
    )
    managed = "Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    acknowledge_each(
        function,  # type: ignore[arg-type]  # a role has a scope
        {
            f"AwsSolutions-IAM4[{managed}]": "CDK's own function: it may write its logs.",
            "Serverless-LambdaDLQ": called,
            "Serverless-LambdaTracing": called,
            "AwsSolutions-L1": called,
            "Serverless-LambdaLatestVersion": called,
        },
    )
    assets = f"cdk-{stack.synthesizer.bootstrap_qualifier}-assets-{stack.account}-{stack.region}"
    policy: iam.Policy = role.node.find_child("DefaultPolicy")  # type: ignore[assignment]  # made by the grants
    actions = ["Abort*", "DeleteObject*", "GetBucket*", "GetObject*", "List*"]
    acknowledge(
        policy,
        [f"AwsSolutions-IAM5[Action::s3:{action}]" for action in actions],
        "The CDK's grants: variants of reading and writing on the site's buckets, and of reading the staged assets.",
    )
    if any(bucket.encryption_key is not None for bucket in buckets):
        acknowledge(
            policy,
            [f"AwsSolutions-IAM5[Action::kms:{action}*]" for action in ("GenerateDataKey", "ReEncrypt")],
            "The CDK's grant of writing into a bucket with a customer-managed key: variants on that key.",
        )
    acknowledge_resources(
        policy,
        [*(bucket.arn_for_objects("*") for bucket in buckets), f"arn:{stack.partition}:s3:::{assets}/*"],
        "The function writes the files of the site, whose names the build chooses, and reads the staged assets.",
    )
