"""Workflows of one repository deploy to staging from any branch that may, and to production when somebody approved."""

from aws_cdk import CfnOutput, Stack

from cdp_constructs import GitHubDeployRole


def build(stack: Stack) -> GitHubDeployRole:
    """Add the roles of two environments to a stack; an account has one identity provider."""
    staging = GitHubDeployRole(
        stack, "Staging", repository="example/order-desk", environment="staging", regions=["eu-west-1"]
    )
    production = GitHubDeployRole(
        stack,
        "Production",
        repository="example/order-desk",
        environment="production",
        regions=["eu-west-1", "ap-northeast-1"],
        provider=staging.provider,
    )
    for name, deploy in (("Staging", staging), ("Production", production)):
        CfnOutput(stack, f"{name}RoleArn", value=deploy.role.role_arn)
    return production
