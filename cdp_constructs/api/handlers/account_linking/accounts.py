"""The accounts of the user pool: those with an address, and a link from a provider's identity to one of them."""

from typing import TYPE_CHECKING

from pydantic_core import from_json

from .rules import Account, Identity, identity_of, is_true

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

__all__ = ["Accounts"]


class Accounts:
    """The accounts of one user pool."""

    def __init__(self, client: "CognitoIdentityProviderClient", pool_id: str, providers: "Sequence[str]") -> None:
        self._client = client
        self._pool_id = pool_id
        self._providers = providers

    def with_address(self, address: str) -> list[Account]:
        """Return the accounts that have an address, in the case given and in lower case, verified or not."""
        found: dict[str, Account] = {}
        for spelling in dict.fromkeys((address, address.lower())):
            quoted = spelling.replace("\\", "\\\\").replace('"', '\\"')
            pages = self._client.get_paginator("list_users").paginate(
                UserPoolId=self._pool_id, Filter=f'email = "{quoted}"'
            )
            for page in pages:
                for user in page["Users"]:
                    attributes = {item["Name"]: item.get("Value", "") for item in user.get("Attributes", [])}
                    account = self._account(user["Username"], user.get("UserStatus", ""), attributes)
                    found[account.username] = account
        return list(found.values())

    def link(self, newcomer: Identity, account: Account) -> None:
        """Let who signs in as a provider's identity get into an account from now on."""
        own = account.identity
        self._client.admin_link_provider_for_user(
            UserPoolId=self._pool_id,
            DestinationUser={
                "ProviderName": own.provider if own else "Cognito",
                "ProviderAttributeValue": own.user_id if own else account.username,
            },
            SourceUser={
                "ProviderName": newcomer.provider,
                "ProviderAttributeName": "Cognito_Subject",
                "ProviderAttributeValue": newcomer.user_id,
            },
        )

    def _account(self, username: str, status: str, attributes: "Mapping[str, str]") -> Account:
        identity = _first_identity(attributes.get("identities", ""))
        return Account(
            username,
            status,
            is_true(attributes, "email_verified"),
            identity or identity_of(username, self._providers),
        )


def _first_identity(text: str) -> Identity | None:
    """Return the identity that made an account, of the attribute that lists those that are linked to it, too."""
    try:
        listed = from_json(text, allow_inf_nan=False) if text else []
    except ValueError:
        return None
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, dict) and str(item.get("primary")).lower() == "true":
            return Identity(str(item.get("providerName")), str(item.get("userId")))
    return None
