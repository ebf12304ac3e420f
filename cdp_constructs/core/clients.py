"""Who connects to a server: what has a security group, and the role that it works with."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["principal_of"]


def principal_of(construct: "Construct | str", client: ec2.IConnectable) -> iam.IGrantable:
    """Return what is granted to a client: a function's role, an instance's, or the task role of an ECS service.

    Args:
        construct: The pattern, for messages.
        client: Its option ``client``.

    Raises:
        InvalidOptionError: when the client has no role.
    """
    definition = getattr(client, "task_definition", None)
    if definition is not None:
        role: iam.IGrantable = definition.task_role
        return role
    if hasattr(client, "grant_principal"):
        return client  # type: ignore[return-value]  # what IGrantable asks for
    fix = "Give an ECS service, a Lambda function, or an instance"
    raise InvalidOptionError(construct, "client", f"is {type(client).__name__}, which has no role", fix)
