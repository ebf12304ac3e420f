"""Files of boards that have them: browsers send them straight to S3, and get them from there."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

from cdp_constructs import DirectObjectUpload, PrivateCacheDistribution
from cdp_constructs.core.acknowledgments import acknowledge_resources

__all__ = ["add_downloads", "add_files", "allow_files", "allow_links", "settings_of_downloads", "settings_of_files"]


def add_files(stack: Stack, *, origin: str, alarm_topic: sns.ITopic) -> DirectObjectUpload:
    """Add the bucket that pages of an origin upload to."""
    return DirectObjectUpload(
        stack,
        "Files",
        content_types=["image/png", "image/jpeg", "application/pdf", "text/plain"],
        max_size_mb=20,
        allowed_origins=[origin],
        alarm_topic=alarm_topic,
    )


def allow_files(task_role: iam.IRole, files: DirectObjectUpload) -> None:
    """Let servers ask for forms, and sign addresses of what was accepted."""
    accepted = files.bucket.arn_for_objects(f"{files.accepted_prefix}*")
    for action, resource in (
        ("s3:GetObject", accepted),
        # Not grant_issue(): it would also allow every version and alias of the function.
        ("lambda:InvokeFunction", files.form_function.function_arn),
    ):
        task_role.add_to_principal_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
    reason = "Owner, upload and file name are not known before; the prefix is the bound."
    acknowledge_resources(task_role, [accepted], reason)


def settings_of_files(files: DirectObjectUpload) -> dict[str, str]:
    """Return the settings of servers whose board has files."""
    return {
        "files": "bucket",
        "bucket": files.bucket.bucket_name,
        "form_function": files.form_function.function_name,
    }


def add_downloads(stack: Stack, files: DirectObjectUpload, *, alarm_topic: sns.ITopic) -> PrivateCacheDistribution:
    """Add the distribution from which people get accepted files, with a link that is signed for each."""
    return PrivateCacheDistribution(
        stack,
        "Downloads",
        bucket=files.bucket,
        origin_path=f"/{files.accepted_prefix}".removesuffix("/"),
        # Whose file it is, and which upload it was, is the chat's own affair.
        remove_headers=["x-amz-meta-source", "x-amz-meta-traceparent"],
        alarm_topic=alarm_topic,
    )


def allow_links(task_role: iam.IRole, downloads: PrivateCacheDistribution) -> None:
    """Let servers have links signed; the key stays with the function."""
    function = downloads.signing_function.function_arn
    task_role.add_to_principal_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function]))


def settings_of_downloads(downloads: PrivateCacheDistribution) -> dict[str, str]:
    """Return the settings of servers whose files come from a distribution."""
    return {"link_function": downloads.signing_function.function_name}
