"""Whose a mail address is. No AWS here.

An address belongs to the account that has verified it. Addresses that nobody verified belong to nobody: they neither
link nor block, so that nobody gets into an account, or is kept out of one, by writing an address into a profile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Account", "Identity", "RefusedError", "destination", "identity_of"]

_UNCONFIRMED = "UNCONFIRMED"


class RefusedError(Exception):
    """The sign-up is refused; Cognito passes the text on to the application."""


@dataclass(frozen=True)
class Identity:
    """What a provider calls somebody."""

    provider: str
    user_id: str


@dataclass(frozen=True)
class Account:
    """An account of the user pool with the address in question."""

    username: str
    status: str
    verified: bool
    identity: Identity | None
    """The sign-in at a provider that made the account; None for one with a password."""

    @property
    def owns_address(self) -> bool:
        """Whether the account has shown that the address is its own."""
        return self.verified and self.status != _UNCONFIRMED


def identity_of(username: str, providers: Sequence[str]) -> Identity | None:
    """Return who a name such as ``Google_123`` is at a provider; Cognito writes the provider in any case."""
    for provider in sorted(providers, key=len, reverse=True):
        start = f"{provider}_"
        if username.lower().startswith(start.lower()) and len(username) > len(start):
            return Identity(provider, username[len(start) :])
    return None


def destination(
    accounts: Sequence[Account], *, newcomer: Identity | None, verified: bool, links: bool
) -> Account | None:
    """Return the account to link a newcomer to; None for a new account.

    Args:
        accounts: Those that have the newcomer's address.
        newcomer: Who signs in at a provider; None for who signs up with a password.
        verified: Whether a trusted provider says that the address is the newcomer's own.
        links: Whether verified addresses are linked.

    Raises:
        RefusedError: the address belongs to somebody who may be somebody else.
    """
    owners = [account for account in accounts if account.owns_address]
    if not owners:
        return None
    if links and newcomer is not None and verified and len(owners) == 1:
        return owners[0]
    raise RefusedError("An account with this address exists. Sign in as you did before.")


def is_true(attributes: Mapping[str, str], name: str) -> bool:
    """Whether an attribute says true, in the case that a provider writes it in."""
    return str(attributes.get(name, "")).lower() == "true"
