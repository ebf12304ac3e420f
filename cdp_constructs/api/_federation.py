"""How people sign in to a user pool with other providers: the providers, the domain, and the app client's settings."""

import re
from collections.abc import Sequence

from aws_cdk import Token
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from cdp_constructs.api._identity_provider import IdentityProvider
from cdp_constructs.core.validation import InvalidOptionError

_PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_RESERVED = ("aws", "amazon", "cognito")
# As the tokens of a sign-in by the API have it, so that an API takes both.
_SCOPES = ["openid", "email", "profile", "aws.cognito.signin.user.admin"]
_LOCAL = re.compile(r"http://(localhost|127\.0\.0\.1)(:\d+)?(/\S*)?")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s#*]+")


def check_federation(
    construct: Construct,
    providers: Sequence[IdentityProvider],
    domain_prefix: str,
    callback_urls: Sequence[str],
    logout_urls: Sequence[str],
) -> None:
    """Refuse what Cognito would refuse.

    Raises:
        InvalidOptionError: for no provider or two of one name, a prefix that no domain has, and addresses that are
            neither https, nor local, nor an application's own scheme.
    """
    names = [provider.name for provider in providers]
    if not names:
        fix = "Name at least one, such as IdentityProvider.google(…)"
        raise InvalidOptionError(construct, "providers", "is empty", fix)
    for name in names:
        if [other.lower() for other in names].count(name.lower()) > 1:
            fix = "Give each provider a name of its own"
            raise InvalidOptionError(construct, "providers", f"contains {name!r} twice", fix)
    if not Token.is_unresolved(domain_prefix):
        reserved = any(word in domain_prefix for word in _RESERVED)
        if reserved or not _PREFIX.fullmatch(domain_prefix):
            fix = "Use up to 63 lower-case letters, digits and hyphens, without aws, amazon and cognito"
            raise InvalidOptionError(construct, "domain_prefix", f"is {domain_prefix!r}", fix)
    if not callback_urls:
        fix = "Name where the application takes codes, such as https://shop.example.com/signed-in"
        raise InvalidOptionError(construct, "callback_urls", "is empty", fix)
    for option, urls in (("callback_urls", callback_urls), ("logout_urls", logout_urls)):
        for url in urls:
            _check_address(construct, option, url)


def _check_address(construct: Construct, option: str, url: str) -> None:
    if Token.is_unresolved(url):
        return
    plain = url.lower().startswith("http://")
    if not (_LOCAL if plain else _ADDRESS).fullmatch(url):
        fix = (
            "Use whole addresses: https://…, the scheme of an application such as shop://signed-in, or http://localhost"
        )
        raise InvalidOptionError(construct, option, f"contains {url!r}", fix)


def add_federation(
    scope: Construct,
    user_pool: cognito.UserPool,
    client: cognito.UserPoolClient,
    providers: Sequence[IdentityProvider],
    *,
    domain_prefix: str,
    callback_urls: Sequence[str],
    logout_urls: Sequence[str],
) -> cognito.UserPoolDomain:
    """Add the providers and the domain, and let the app client use both by authorization codes.

    Args:
        scope: The pattern; the id of a provider inside is its name.
        user_pool: The pool.
        client: Its public client.
        providers: The providers.
        domain_prefix: Of the domain that serves the sign-in.
        callback_urls: Where codes are sent.
        logout_urls: Where browsers are sent after signing out.
    """
    domain = user_pool.add_domain("Domain", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=domain_prefix))
    resource: cognito.CfnUserPoolClient = client.node.default_child  # type: ignore[assignment]  # its only L1
    for provider in providers:
        resource.node.add_dependency(_add_provider(scope, user_pool, provider))
    resource.supported_identity_providers = ["COGNITO", *(provider.name for provider in providers)]
    resource.allowed_o_auth_flows_user_pool_client = True
    resource.allowed_o_auth_flows = ["code"]
    resource.allowed_o_auth_scopes = _SCOPES
    resource.callback_ur_ls = list(callback_urls)
    resource.logout_ur_ls = list(logout_urls) or None
    return domain


def _add_provider(
    scope: Construct, user_pool: cognito.UserPool, provider: IdentityProvider
) -> cognito.CfnUserPoolIdentityProvider:
    details = dict(provider.details)
    if provider.secret is not None and provider.private_detail is not None:
        # A dynamic reference: CloudFormation reads the secret, the template never has it.
        details[provider.private_detail] = provider.secret.secret_value.unsafe_unwrap()
    return cognito.CfnUserPoolIdentityProvider(
        scope,
        f"{provider.name}Provider",
        user_pool_id=user_pool.user_pool_id,
        provider_name=provider.name,
        provider_type=provider.kind,
        provider_details=details,
        attribute_mapping=dict(provider.attribute_mapping),
    )
