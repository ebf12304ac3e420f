"""Where people of a user pool may sign in instead of with a password of the pool, and whose a mail address then is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal, NoReturn, Self

from aws_cdk import Token

from cdp_constructs.core.cdk import secretsmanager
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["AccountLinking", "IdentityProvider"]

_VERIFIED = "email_verified"
_ADDRESS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{2,31}")
_ATTRIBUTE = re.compile(r"(custom:)?[A-Za-z][\w-]{0,31}")
# What Cognito calls providers of its own, in any case.
_RESERVED = frozenset({"amazon", "apple", "cognito", "facebook", "google", "loginwithamazon", "signinwithapple"})


class AccountLinking(Enum):
    """What happens to who comes with a mail address that an account has verified.

    Unverified addresses, on either side, never link anything: whoever writes somebody else's address into a profile
    would get that person's account.
    """

    REFUSE = "refuse"
    """The sign-up is refused: one address, one account, one way in."""
    LINK_VERIFIED = "link verified addresses"
    """The sign-in is linked to that account if its provider is trusted and says the address is verified; otherwise it
    is refused."""


@checks_options
@dataclass(frozen=True, kw_only=True)
class IdentityProvider:
    """A provider of identities for ``SignInUserPool.add_identity_providers``: social, OpenID Connect or SAML 2.0.

    Create one with ``google``, ``facebook``, ``apple``, ``amazon``, ``oidc`` or ``saml``. Secrets come from Secrets
    Manager, as a dynamic reference that CloudFormation resolves: none is in a template.

        IdentityProvider.google(client_id="123.apps.googleusercontent.com", client_secret=secret, trusted_email=True)

    Attributes:
        name: What applications call it in ``identity_provider=``, and the first part of the names of its users.
        kind: As Cognito calls its type.
        details: What Cognito has to know of it, without what is secret.
        attribute_mapping: Attributes of a user, by name, and the claim that each is taken from at every sign-in.
        private_detail: Which of the details is secret; None for SAML.
        secret: Holds it, as its whole text.
    """

    name: str
    kind: Literal["Google", "Facebook", "SignInWithApple", "LoginWithAmazon", "OIDC", "SAML"]
    details: Mapping[str, str]
    attribute_mapping: Mapping[str, str]
    private_detail: str | None = None
    secret: "secretsmanager.ISecret | None" = None

    def __post_init__(self) -> None:
        """Check the mapping of attributes.

        Raises:
            InvalidOptionError: for a name that no attribute has, and an attribute without a claim.
        """
        for attribute, claim in self.attribute_mapping.items():
            if not _ATTRIBUTE.fullmatch(attribute):
                fix = "Name an attribute of Cognito, such as email or custom:department"
                raise InvalidOptionError("IdentityProvider", "attribute_mapping", f"contains {attribute!r}", fix)
            if not claim.strip():
                fix = "Name the claim that it is taken from"
                raise InvalidOptionError("IdentityProvider", "attribute_mapping", f"contains {claim!r}", fix)

    @property
    def trusts_email(self) -> bool:
        """Whether an address that the provider says is verified counts as verified."""
        return _VERIFIED in self.attribute_mapping

    @classmethod
    def google(
        cls,
        *,
        client_id: str,
        client_secret: "secretsmanager.ISecret",
        trusted_email: bool = False,
        attribute_mapping: Mapping[str, str] | None = None,
    ) -> Self:
        """Sign in with Google.

        Args:
            client_id: Of the OAuth client in Google Cloud.
            client_secret: Holds the client's secret, as its whole text.
            trusted_email: Whether what Google says of a mail address counts as verified. Google is the authority for
                addresses of Gmail and Workspace; of others it knows who had them when the account was made. Default:
                no address of Google counts.
            attribute_mapping: Default: ``email`` and ``name``, with ``trusted_email`` also ``email_verified``.
        """
        mapping = _mapping({"email": "email", "name": "name"}, attribute_mapping, trusted=trusted_email)
        return cls._of_client("Google", client_id, client_secret, mapping, scopes="openid email profile")

    @classmethod
    def facebook(
        cls,
        *,
        client_id: str,
        client_secret: "secretsmanager.ISecret",
        attribute_mapping: Mapping[str, str] | None = None,
    ) -> Self:
        """Sign in with Facebook, which does not say whether an address is verified.

        Args:
            client_id: Id of the application at Facebook.
            client_secret: Holds the application's secret, as its whole text.
            attribute_mapping: Default: ``email`` and ``name``.
        """
        mapping = _mapping({"email": "email", "name": "name"}, attribute_mapping, trusted=False)
        return cls._of_client("Facebook", client_id, client_secret, mapping, scopes="public_profile,email")

    @classmethod
    def apple(
        cls,
        *,
        services_id: str,
        team_id: str,
        key_id: str,
        private_key: "secretsmanager.ISecret",
        trusted_email: bool = False,
        attribute_mapping: Mapping[str, str] | None = None,
    ) -> Self:
        """Sign in with Apple. A user may hide the address; Apple then gives one that it forwards.

        Args:
            services_id: Identifier of the Services ID.
            team_id: Of the developer account, 10 characters.
            key_id: Of the private key, 10 characters.
            private_key: Holds the private key (the text of the ``.p8`` file).
            trusted_email: Whether an address that Apple says is verified counts as verified. Default: it does not.
            attribute_mapping: Default: ``email``, with ``trusted_email`` also ``email_verified``. Apple tells the name
                at the first sign-in only.
        """
        for option, value in (("team_id", team_id), ("key_id", key_id)):
            if not Token.is_unresolved(value) and not re.fullmatch("[A-Z0-9]{10}", value):
                fix = "Use the 10 letters and digits that Apple shows"
                raise InvalidOptionError("IdentityProvider", option, f"is {value!r}", fix)
        return cls(
            name="SignInWithApple",
            kind="SignInWithApple",
            details={
                "client_id": services_id,
                "team_id": team_id,
                "key_id": key_id,
                "authorize_scopes": "name email",
            },
            attribute_mapping=_mapping({"email": "email"}, attribute_mapping, trusted=trusted_email),
            private_detail="private_key",
            secret=private_key,
        )

    @classmethod
    def amazon(
        cls,
        *,
        client_id: str,
        client_secret: "secretsmanager.ISecret",
        attribute_mapping: Mapping[str, str] | None = None,
    ) -> Self:
        """Sign in with Login with Amazon, which does not say whether an address is verified.

        Args:
            client_id: Of the security profile.
            client_secret: Holds the profile's secret, as its whole text.
            attribute_mapping: Default: ``email`` and ``name``.
        """
        mapping = _mapping({"email": "email", "name": "name"}, attribute_mapping, trusted=False)
        return cls._of_client("LoginWithAmazon", client_id, client_secret, mapping, scopes="profile")

    @classmethod
    def oidc(
        cls,
        *,
        name: str,
        issuer_url: str,
        client_id: str,
        client_secret: "secretsmanager.ISecret",
        trusted_email: bool = False,
        attribute_mapping: Mapping[str, str] | None = None,
    ) -> Self:
        """Sign in with any provider of OpenID Connect.

        Args:
            name: 3 to 32 letters, digits and hyphens. The users' names begin with it: changing it makes new users.
            issuer_url: What the claim ``iss`` of its tokens says; Cognito reads
                ``<issuer_url>/.well-known/openid-configuration``.
            client_id: Of the client that the provider has for this user pool.
            client_secret: Holds the client's secret, as its whole text.
            trusted_email: Whether an address that the provider says is verified counts as verified: whoever runs the
                provider can then get into any account, where accounts are linked. Default: it does not.
            attribute_mapping: Default: ``email`` and ``name``, with ``trusted_email`` also ``email_verified``.
        """
        _check_https("issuer_url", issuer_url)
        if issuer_url.endswith("/"):
            fix = "Write it as the claim iss has it; Cognito takes none that ends with /"
            raise InvalidOptionError("IdentityProvider", "issuer_url", f"is {issuer_url!r}", fix)
        mapping = _mapping({"email": "email", "name": "name"}, attribute_mapping, trusted=trusted_email)
        return cls._of_client(
            "OIDC",
            client_id,
            client_secret,
            mapping,
            name=_checked_name(name),
            scopes="openid email profile",
            oidc_issuer=issuer_url,
            attributes_request_method="GET",
        )

    @classmethod
    def saml(
        cls,
        *,
        name: str,
        metadata_url: str,
        trusted_email: bool = False,
        attribute_mapping: Mapping[str, str] | None = None,
    ) -> Self:
        """Sign in with a SAML 2.0 provider. Requests are signed; only sign-ins that begin here are accepted.

        Args:
            name: 3 to 32 letters, digits and hyphens. The users' names begin with it: changing it makes new users.
            metadata_url: Where the provider publishes its metadata. Cognito reads it again every 6 hours.
            trusted_email: Whether an address that the provider says is verified counts as verified; name the attribute
                that says so in ``attribute_mapping``. Default: none counts.
            attribute_mapping: Default: ``email`` from the claim that providers usually have it in.
        """
        _check_https("metadata_url", metadata_url)
        if trusted_email and _VERIFIED not in (attribute_mapping or {}):
            fix = "Name the SAML attribute that says true: attribute_mapping={'email_verified': …}"
            problem = "was given without 'email_verified' in attribute_mapping"
            raise InvalidOptionError("IdentityProvider", "trusted_email", problem, fix)
        return cls(
            name=_checked_name(name),
            kind="SAML",
            details={
                "MetadataURL": metadata_url,
                "IDPSignout": "true",
                "IDPInit": "false",
                "RequestSigningAlgorithm": "rsa-sha256",
            },
            attribute_mapping=_mapping({"email": _ADDRESS}, attribute_mapping, trusted=trusted_email),
        )

    @classmethod
    def _of_client(
        cls,
        kind: Literal["Google", "Facebook", "LoginWithAmazon", "OIDC"],
        client_id: str,
        client_secret: "secretsmanager.ISecret",
        attribute_mapping: Mapping[str, str],
        *,
        scopes: str,
        name: str | None = None,
        **details: str,
    ) -> Self:
        """Return a provider that knows this application by a client and its secret."""
        return cls(
            name=name or kind,
            kind=kind,
            details={"client_id": client_id, "authorize_scopes": scopes, **details},
            attribute_mapping=attribute_mapping,
            private_detail="client_secret",
            secret=client_secret,
        )


def _mapping(usual: Mapping[str, str], given: Mapping[str, str] | None, *, trusted: bool) -> Mapping[str, str]:
    """Return the mapping of attributes; an address counts as verified only where the provider is trusted with that."""
    if given is None:
        return {**usual, _VERIFIED: _VERIFIED} if trusted else usual
    if _VERIFIED in given and not trusted:
        _refuse_claim()
    return {_VERIFIED: _VERIFIED, **given} if trusted else given


def _refuse_claim() -> NoReturn:
    fix = "Give trusted_email=True, for a provider that checks addresses, or leave the attribute out"
    problem = f"contains {_VERIFIED!r} of a provider that is not trusted with it"
    raise InvalidOptionError("IdentityProvider", "attribute_mapping", problem, fix)


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name.lower() in _RESERVED:
        fix = "Use 3 to 32 letters, digits and hyphens, and no name of Cognito's own, such as Works"
        raise InvalidOptionError("IdentityProvider", "name", f"is {name!r}", fix)
    return name


def _check_https(option: str, url: str) -> None:
    if not Token.is_unresolved(url) and not re.fullmatch(r"https://[^\s?#]+", url):
        fix = "Use an https address, such as https://id.example.com"
        raise InvalidOptionError("IdentityProvider", option, f"is {url!r}", fix)
