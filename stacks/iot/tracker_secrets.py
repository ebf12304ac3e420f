"""Secrets that an issue tracker issues, and an operator puts here after deploying."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge


def add_tracker_secret(scope: Construct, construct_id: str, *, holds: str, issuer: str) -> secretsmanager.Secret:
    """Add a secret that waits for what the tracker has issued.

    Args:
        scope: The construct that uses it.
        construct_id: Id inside ``scope``.
        holds: What is put there, such as ``API key``.
        issuer: Who issues it, such as ``Backlog``.
    """
    secret = secretsmanager.Secret(
        scope,
        construct_id,
        description=f"{holds}; put it here after deploying",
        # The stack cannot make another one.
        removal_policy=RemovalPolicy.RETAIN,
    )
    acknowledge(secret, "AwsSolutions-SMG4", f"{issuer} issues it and AWS cannot change it there.")
    return secret
