"""GitHubDeployRole: workflows of one repository deploy CDK applications, without a stored key."""

import re
from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import account_of, stack_of
from cdp_constructs.core.validation import InvalidOptionError, check_one_of

__all__ = ["GitHubDeployRole"]

_ISSUER = "token.actions.githubusercontent.com"
_AUDIENCE = "sts.amazonaws.com"
# Since 15 July 2026 the tokens of new repositories also name the numbers of owner and repository.
_REPOSITORY = re.compile(r"[A-Za-z0-9-]{1,39}(@\d+)?/[A-Za-z0-9._-]{1,100}(@\d+)?")
_ENVIRONMENT = re.compile(r"[A-Za-z0-9._-]{1,255}")
_BRANCH = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_QUALIFIER = re.compile(r"[a-z0-9]{1,10}")
# What `cdk deploy` assumes; `cdk bootstrap` made them. The role of CloudFormation itself is passed by the first.
_BOOTSTRAP_ROLES = ("deploy", "file-publishing", "image-publishing", "lookup")


@checks_options
class GitHubDeployRole(Construct):
    """Lets GitHub Actions deploy CDK applications with tokens of OpenID Connect, so that no key is stored.

    CDP: none.

    Only jobs of one environment, or one branch, of one repository assume the role, and all that it may do is assume
    the roles of ``cdk bootstrap`` in the Regions that are named::

        deploy = GitHubDeployRole(
            self, "Production", repository="example/order-desk", environment="production", regions=["eu-west-1"]
        )
        CfnOutput(self, "RoleArn", value=deploy.role.role_arn)
    """

    provider: iam.IOidcProvider
    """The identity provider, of which an account has one for each issuer."""
    role: iam.Role
    """What ``aws-actions/configure-aws-credentials`` assumes, for an hour at most."""
    subject: str
    """The subject that a token must have, such as ``repo:example/order-desk:environment:production``."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repository: str,
        regions: Sequence[str],
        environment: str | None = None,
        branch: str | None = None,
        provider: iam.IOidcProvider | None = None,
        qualifier: str = "hnb659fds",
    ) -> None:
        """Make the role and, unless there is one, the identity provider.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            repository: Owner and name, such as ``example/order-desk``. GitHub puts the numbers of both into tokens of
                repositories that were made after 15 July 2026: ``example@1/order-desk@2``, as the beginning of
                ``gh api repos/OWNER/NAME/actions/oidc/customization/sub --jq .sub_claim_prefix`` says
                (https://docs.github.com/en/actions/reference/security/oidc).
            regions: Regions of the account that it deploys to, each with ``cdk bootstrap``.
            environment: An environment of the repository. Its protection rules, such as required reviewers and the
                branches that may use it, then decide who deploys. This or ``branch`` is required.
            branch: A branch of the repository, for jobs without an environment. This or ``environment`` is required.
            provider: The account's provider of ``token.actions.githubusercontent.com``, whose audience is
                ``sts.amazonaws.com``, such as that of another of these roles. Default: a new one; an account can have
                one only.
            qualifier: That of ``cdk bootstrap``, 1 to 10 lower-case letters and digits. Default: the CDK's own.

        Raises:
            InvalidOptionError: for names that would let others in, none or both of ``environment`` and ``branch``, or
                no Region.
        """
        super().__init__(scope, construct_id)
        for option, value, form, example in (
            ("repository", repository, _REPOSITORY, "example/order-desk"),
            ("environment", environment, _ENVIRONMENT, "production"),
            ("branch", branch, _BRANCH, "main"),
            ("qualifier", qualifier, _QUALIFIER, "hnb659fds"),
        ):
            if value is not None and not form.fullmatch(value):
                fix = f"Use the name itself without any * or ?, such as {example}"
                raise InvalidOptionError(self, option, f"is {value!r}", fix)
        check_one_of(
            self, {"environment": environment, "branch": branch}, fix="Give an environment, such as production"
        )
        if not regions:
            raise InvalidOptionError(self, "regions", "is []", 'Name each Region, such as ["eu-west-1"]')
        self.provider = provider or iam.OidcProviderNative(
            self, "Provider", url=f"https://{_ISSUER}", client_ids=[_AUDIENCE]
        )
        claim = f"environment:{environment}" if environment is not None else f"ref:refs/heads/{branch}"
        self.subject = f"repo:{repository}:{claim}"
        self.role = iam.Role(
            self,
            "Role",
            description=f"GitHub Actions deploys: {self.subject}"[:1000],
            max_session_duration=Duration.hours(1),
            assumed_by=iam.WebIdentityPrincipal(
                self.provider.oidc_provider_arn,
                {"StringEquals": {f"{_ISSUER}:aud": _AUDIENCE, f"{_ISSUER}:sub": self.subject}},
            ),
        )
        stack = stack_of(self)
        account = account_of(stack)
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["sts:AssumeRole"],
                resources=[
                    stack.format_arn(
                        service="iam",
                        region="",
                        resource="role",
                        resource_name=f"cdk-{qualifier}-{kind}-role-{account}-{region}",
                    )
                    for region in regions
                    for kind in _BOOTSTRAP_ROLES
                ],
            )
        )
