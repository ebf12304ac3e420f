"""Cognito: the attribute of a user pool that names the issuer of its tokens."""

from cdp_constructs.local.extensions import _refine
from cdp_constructs.local.extensions._types import Attributes, Properties

__all__ = ["install"]


def _add_provider_url(_pool_id: str, _properties: Properties, attributes: Attributes) -> None:
    attributes["ProviderURL"] = f"https://{attributes['ProviderName']}"


def install() -> None:
    """Give user pools the attribute `ProviderURL`."""
    _refine.after("AWS::Cognito::UserPool", _add_provider_url)
