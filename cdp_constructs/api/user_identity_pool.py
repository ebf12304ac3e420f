"""UserIdentityPool: users of a user pool get temporary AWS credentials that reach their own data only."""

from collections.abc import Mapping
from typing import Any, Literal

from aws_cdk import RemovalPolicy, Token
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.api._checks import check_issuer
from cdp_constructs.api._own_data import grant_items, grant_objects
from cdp_constructs.api.sign_in_user_pool import TokenIssuer
from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.cdk import dynamodb, s3
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import region_of, stack_of
from cdp_constructs.core.tables import check_partitions
from cdp_constructs.core.user_pools import check_user_pool
from cdp_constructs.core.validation import InvalidOptionError, check_range

__all__ = ["UserIdentityPool"]

_COGNITO = "cognito-identity.amazonaws.com"
# https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_SetIdentityPoolRoles.html
_MOST_RULES = 25
_MOST_CLIENTS = 10
_GROUPS = "cognito:groups"
_PRECEDENCE = (
    "https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateGroup.html"
    "#CognitoUserPools-CreateGroup-request-Precedence"
)


@checks_options
class UserIdentityPool(Construct):
    """Gives signed-in users temporary AWS credentials with which a browser or a phone reaches their own data only.

    CDP: none.

    A Cognito identity pool that takes the tokens of a user pool's clients. Each user has one identity id for good; IAM
    compares it with the partition key of an item and the beginning of an object's key. Credentials last one hour.
    Tokens of signed-out and removed users are refused, guests too, and so is the classic flow.

        identities = UserIdentityPool(self, "Identities", issuer=users.issuer)
        identities.grant_own_items(notes)
        identities.grant_own_objects(photos, prefix="photos/")
    """

    identity_pool: cognito.CfnIdentityPool
    """The identity pool; ``.ref`` is the id that clients need."""
    role: iam.Role
    """What signed-in users may do, as far as no other role is theirs."""
    guest_role: iam.Role | None
    """What guests may do; None without ``allow_guests``."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        issuer: TokenIssuer,
        allow_guests: bool = False,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the pool and the role of signed-in users.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            issuer: The user pool, of any Region, and up to 10 of its clients whose tokens are taken.
            allow_guests: Whether anybody gets credentials without signing in, those of ``guest_role``. False by
                default.
            removal_policy: What happens to the identity pool when the stack is deleted. Kept by default: it holds which
                identity id is whose, and without it nobody reaches what they had.

        Raises:
            InvalidOptionError: for an issuer that is no user pool, or has no clients or more than 10.
        """
        super().__init__(scope, construct_id)
        check_issuer(self, issuer)
        pool_id, region = check_user_pool(self, issuer)
        if len(issuer.audience) > _MOST_CLIENTS:
            fix = f"Name {_MOST_CLIENTS} clients at most"
            raise InvalidOptionError(self, "issuer.audience", f"has {len(issuer.audience)} clients", fix)
        self._issuer, self._user_pool_id, self._user_pool_region = issuer, pool_id, region
        self._rules: list[cognito.CfnIdentityPoolRoleAttachment.MappingRuleProperty] = []
        self._groups: dict[str, int] = {}
        # Not the CDK's IdentityPool: it always makes a role for guests.
        self.identity_pool = cognito.CfnIdentityPool(
            self,
            "Default",
            allow_unauthenticated_identities=allow_guests,
            allow_classic_flow=False,
            cognito_identity_providers=[
                cognito.CfnIdentityPool.CognitoIdentityProviderProperty(
                    provider_name=self._provider, client_id=client, server_side_token_check=True
                )
                for client in issuer.audience
            ],
        )
        self.identity_pool.apply_removal_policy(removal_policy)
        if allow_guests:
            reason = "Guests are an explicit option of this pool; their role may do what is granted to it and no more."
            acknowledge(self.identity_pool, "AwsSolutions-COG7", reason)
        self.role = self._add_role("Role")
        self.guest_role = self._add_role("GuestRole", who="unauthenticated") if allow_guests else None
        self._attachment = cognito.CfnIdentityPoolRoleAttachment(
            self,
            "Roles",
            identity_pool_id=self.identity_pool.ref,
            roles={
                "authenticated": self.role.role_arn,
                **({"unauthenticated": self.guest_role.role_arn} if self.guest_role else {}),
            },
        )

    def grant_own_items(
        self,
        table: "dynamodb.ITable",
        *,
        partition: str | None = None,
        read_only: bool = False,
        role: iam.IRole | None = None,
    ) -> iam.Grant:
        """Let users work on the items of a table whose partition key is their identity id; not by Scan, nor PartiQL.

        Args:
            table: A table of this Region whose partition key is a string. Its indexes stay closed.
            partition: What stands before a ``#`` and the identity id in the key, such as ``NOTE`` for ``NOTE#<id>``.
                Default: the key is the identity id.
            read_only: Whether they may not write. False by default.
            role: Who gets it. Default: ``role``, that of all signed-in users.

        Raises:
            InvalidOptionError: for a partition that has a ``#``, ``*`` or ``?``, or a table of another Region.
        """
        if partition is not None:
            check_partitions(self, "partition", [partition], example="NOTE")
        return grant_items(role or self.role, table, partition=partition, read_only=read_only)

    def grant_own_objects(
        self,
        bucket: "s3.IBucket",
        *,
        prefix: str = "",
        read_only: bool = False,
        role: iam.IRole | None = None,
    ) -> iam.Grant:
        """Let users work on the objects below ``<prefix><identity id>/``, and list them. Other keys stay unseen.

        Args:
            bucket: A bucket of this Region.
            prefix: Where the users' folders are, such as ``photos/``. Default: at the top.
            read_only: Whether they may not write. False by default.
            role: Who gets it. Default: ``role``, that of all signed-in users.

        Raises:
            InvalidOptionError: for a prefix that does not end with a slash or has a ``*``, ``?`` or ``$``.
        """
        if prefix and (not prefix.endswith("/") or prefix.startswith("/") or set("*?$") & set(prefix)):
            fix = "Use a prefix that ends with a slash and has no *, ? and $, such as photos/"
            raise InvalidOptionError(self, "prefix", f"is {prefix!r}", fix)
        return grant_objects(role or self.role, bucket, prefix=prefix, read_only=read_only)

    def add_role(
        self,
        construct_id: str,
        *,
        claim: str,
        value: str,
        match: Literal["Equals", "StartsWith", "Contains"] = "Equals",
    ) -> iam.Role:
        """Add a role for users of whom a claim of the id token says something. The first rule that matches counts.

        Args:
            construct_id: Id of the role inside this pool.
            claim: A claim that users cannot write themselves, such as ``custom:plan`` where the client may not write
                it. Groups have ``add_group``.
            value: What it says, up to 128 characters.
            match: How the two are compared. ``Equals`` by default; ``Contains`` is true for a part of a longer word.

        Raises:
            InvalidOptionError: for the groups' claim, beside ``add_group``, and for more than 25 rules.
        """
        self._check_rule(claim, value)
        role = self._add_role(construct_id)
        self._rules.append(
            cognito.CfnIdentityPoolRoleAttachment.MappingRuleProperty(
                claim=claim, match_type=match, value=value, role_arn=role.role_arn
            )
        )
        self._map("Rules", cognito.CfnIdentityPoolRoleAttachment.RulesConfigurationTypeProperty(rules=self._rules))
        return role

    def add_group(self, construct_id: str, *, name: str, precedence: int) -> iam.Role:
        """Add a group of the user pool, and a role for its members, which their tokens name.

        Args:
            construct_id: Id of the role inside this pool.
            name: Name of the group, up to 128 letters, digits, hyphens and underscores.
            precedence: Of the groups that a user is in, the role of the one with the lowest number counts; 0 or more,
                each number once.

        Raises:
            InvalidOptionError: for a name or a number that is taken, beside ``add_role``, and for a user pool of
                another Region.
        """
        self._check_group(name, precedence)
        role = self._add_role(construct_id)
        cognito.CfnUserPoolGroup(
            self,
            f"{construct_id}Group",
            user_pool_id=self._user_pool_id,
            group_name=name,
            precedence=precedence,
            role_arn=role.role_arn,
        )
        self._groups[name] = precedence
        self._map("Token")
        return role

    @property
    def _provider(self) -> str:
        """The user pool, as identity pools name it: its issuer without the scheme."""
        return self._issuer.url.removeprefix("https://")

    def _add_role(self, construct_id: str, *, who: str = "authenticated") -> iam.Role:
        trust: Mapping[str, Any] = {
            "StringEquals": {f"{_COGNITO}:aud": self.identity_pool.ref},
            "ForAnyValue:StringLike": {f"{_COGNITO}:amr": who},
        }
        assumed_by = iam.FederatedPrincipal(_COGNITO, trust, "sts:AssumeRoleWithWebIdentity")
        return iam.Role(self, construct_id, assumed_by=assumed_by)

    def _map(
        self,
        kind: Literal["Rules", "Token"],
        rules: cognito.CfnIdentityPoolRoleAttachment.RulesConfigurationTypeProperty | None = None,
    ) -> None:
        """Say how the role of a user is found; who has none of those that were added has ``role``."""
        self._attachment.role_mappings = {
            f"Client{number}": cognito.CfnIdentityPoolRoleAttachment.RoleMappingProperty(
                type=kind,
                identity_provider=f"{self._provider}:{client}",
                ambiguous_role_resolution="AuthenticatedRole",
                rules_configuration=rules,
            )
            for number, client in enumerate(self._issuer.audience)
        }

    def _check_rule(self, claim: str, value: str) -> None:
        if self._groups:
            fix = "Use add_group for all roles: a pool finds them by claims or by groups"
            raise InvalidOptionError(self, "claim", f"is {claim!r} and the pool has roles of groups", fix)
        if claim == _GROUPS:
            fix = "Use add_group: a rule would find the name of a group in that of another one"
            raise InvalidOptionError(self, "claim", f"is {claim!r}", fix)
        for option, text, longest in (("claim", claim, 64), ("value", value, 128)):
            if not 0 < len(text.strip()) <= longest:
                raise InvalidOptionError(self, option, f"is {text!r}", f"Use 1 to {longest} characters")
        if len(self._rules) == _MOST_RULES:
            raise InvalidOptionError(self, "claim", f"is {claim!r}, the 26th rule", f"Use {_MOST_RULES} rules at most")

    def _check_group(self, name: str, precedence: int) -> None:
        if self._rules:
            fix = "Use add_role for all roles: a pool finds them by claims or by groups"
            raise InvalidOptionError(self, "name", f"is {name!r} and the pool has roles by claims", fix)
        check_range(self, "precedence", precedence, low=0, high=2**31 - 1, unit="as the precedence", source=_PRECEDENCE)
        for option, value, taken in (
            ("name", name, [*self._groups]),
            ("precedence", precedence, self._groups.values()),
        ):
            if value in taken:
                raise InvalidOptionError(self, option, f"is {value!r}, which is taken", "Use one that no group has")
        here, there = region_of(stack_of(self)), self._user_pool_region
        if here != there and not Token.is_unresolved(here) and not Token.is_unresolved(there):
            fix = f"Give the issuer of a user pool of {here}: a group is made beside its pool"
            raise InvalidOptionError(self, "issuer", f"is of {there}", fix)
