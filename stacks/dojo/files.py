"""Files of boards that have them: browsers send them straight to S3, and get them from there."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

from cdp_constructs import DirectObjectUpload
from cdp_constructs.core.acknowledgments import acknowledge_resources

__all__ = ["add_files", "allow_files", "settings_of_files"]


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
