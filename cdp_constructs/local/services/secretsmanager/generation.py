"""Secrets Manager in templates: values are generated as the template says, and secrets have resource policies."""

import string
from collections.abc import Callable

from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import Properties, ResourceType

__all__ = ["RESOURCE_TYPES"]

_CLASSES = {
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeUppercase": string.ascii_uppercase,
    "ExcludeNumbers": string.digits,
    "ExcludePunctuation": string.punctuation,
}

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::SecretsManager::ResourcePolicy",
        Api(
            service="secretsmanager",
            create="put_resource_policy",
            update="put_resource_policy",
            delete="delete_resource_policy",
            ref="Properties.SecretId",
            key={"SecretId": "Id"},
            attributes={"Id": "Id"},
            replacing=("SecretId",),
        ),
    ),
)


def _explicit(rule: Properties) -> Properties:
    """Write out what a rule leaves to its defaults, and its excluded classes of characters one by one."""
    excluded = [characters for name, characters in _CLASSES.items() if str(rule.get(name)).lower() == "true"]
    return {
        **rule,
        "PasswordLength": int(rule.get("PasswordLength", 32)),
        "ExcludeCharacters": "".join([rule.get("ExcludeCharacters", ""), *excluded]),
    }


@patch("ministack.services.cloudformation.provisioners:_sm_secret_string")
def _generate(original: Callable[[Properties], str], properties: Properties) -> str:
    """Generate a value by the whole rule; MiniStack leaves the secret empty when the rule is `{}`."""
    rule = properties.get("GenerateSecretString")
    explicit = {} if rule is None else {"GenerateSecretString": _explicit(rule)}
    return original({**properties, **explicit})
