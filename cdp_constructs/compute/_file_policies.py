"""Who may use a file system, and how: its own policy, and what a client's role is granted."""

from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam

__all__ = ["access_policy", "grant_folder"]

_MOUNT, _WRITE = "elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"
_ROOT = "elasticfilesystem:ClientRootAccess"


def access_policy() -> iam.PolicyDocument:
    """Return a policy that lets nobody in by itself, and refuses what comes without TLS or past an access point.

    A file system with a policy asks for IAM: https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
    """
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                sid="OnlyTls",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["*"],
                conditions={"Bool": {"aws:SecureTransport": "false"}},
            ),
            iam.PolicyStatement(
                sid="OnlyAccessPoints",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=[_MOUNT, _WRITE, _ROOT],
                conditions={"Null": {"elasticfilesystem:AccessPointArn": "true"}},
            ),
        ]
    )


def grant_folder(
    grantee: iam.IGrantable, files: efs.IFileSystem, folder: efs.IAccessPoint, *, read_only: bool
) -> iam.Grant:
    """Let a role mount a file system through one access point."""
    return iam.Grant.add_to_principal(
        grantee=grantee,
        actions=[_MOUNT] if read_only else [_MOUNT, _WRITE],
        resource_arns=[files.file_system_arn],
        conditions={"StringEquals": {"elasticfilesystem:AccessPointArn": folder.access_point_arn}},
    )
