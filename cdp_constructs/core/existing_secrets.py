"""Secrets that are given to a pattern: those of another account can be read only if they were imported whole."""

from aws_cdk import Annotations, Resource, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdp_constructs.core.paths import account_of, stack_of
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["check_secret", "let_read"]


def check_secret(scope: Construct, option: str, secret: secretsmanager.ISecret | None, *, readers: str) -> None:
    """Refuse a secret of another account that cannot be read; of others say what lets them be read.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html

    Args:
        scope: The pattern.
        option: The option's name.
        secret: What was given.
        readers: Who reads it, as the warning names them, such as ``the role of the receiver function``.

    Raises:
        InvalidOptionError: it was imported without its complete ARN, or without its key.
    """
    here = account_of(stack_of(scope))
    if secret is None or Token.is_unresolved(here) or Token.is_unresolved(secret.env.account):
        return
    there = str(secret.env.account)
    if here == there:
        return
    if secret.secret_full_arn is None or secret.encryption_key is None:
        fix = "Import it with Secret.from_secret_attributes(secret_complete_arn=…, encryption_key=…)"
        lacks = "key" if secret.secret_full_arn else "complete ARN"
        problem = f"is {secret.node.path}, of account {there} and imported without its {lacks}"
        raise InvalidOptionError(scope, option, problem, fix)
    Annotations.of(scope).add_warning_v2(
        "cdp-constructs:SecretOfAnotherAccount",
        f"The secret {secret.node.path} is in account {there}. Make sure that its resource policy allows {readers} "
        "secretsmanager:GetSecretValue and secretsmanager:DescribeSecret, and that the policy of its key allows "
        "kms:Decrypt.",
    )


def let_read(secret: secretsmanager.ISecret, reader: iam.IGrantable) -> iam.Grant:
    """Let a role read a secret, and use the key that it was imported with."""
    grant = secret.grant_read(reader)
    key = secret.encryption_key
    # Of a key that this app defines, the CDK lets the reader use it by the key's policy; others it cannot change.
    if key is None or Resource.is_owned_resource(key):
        return grant
    via = {"StringEquals": {"kms:ViaService": f"secretsmanager.{secret.stack.region}.amazonaws.com"}}
    decrypt = iam.Grant.add_to_principal(
        grantee=reader, actions=["kms:Decrypt"], resource_arns=[key.key_arn], conditions=via
    )
    return grant.combine(decrypt)
