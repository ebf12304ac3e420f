"""Cognito: the attribute of a user pool that names the issuer of its tokens."""

from cdp_constructs.local.kit import refine
from cdp_constructs.local.kit.types import Attributes, Properties

__all__ = ["install"]


def _add_provider_url(_pool_id: str, _properties: Properties, attributes: Attributes) -> None:
    attributes["ProviderURL"] = f"https://{attributes['ProviderName']}"


def install() -> None:
    """Give user pools the attribute `ProviderURL`."""
    refine.after("AWS::Cognito::UserPool", _add_provider_url)
