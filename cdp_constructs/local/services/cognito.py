"""Cognito: the attribute of a user pool that names the issuer of its tokens."""

from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties


@after("AWS::Cognito::UserPool")
def _add_provider_url(_pool_id: str, _properties: Properties, attributes: Attributes) -> None:
    attributes["ProviderURL"] = f"https://{attributes['ProviderName']}"
