"""User pools, and the people in them."""

from collections.abc import Mapping
from typing import Any

PASSWORD = "Corr3ct-Horse!"  # of people who exist in this test only


def pool(client: Mapping[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    """Return a template of a pool whose users sign in by their address, with one client."""
    by_address = {"UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"], **properties}
    given = {name: value for name, value in by_address.items() if value is not None}
    return {
        "Resources": {
            "Pool": {"Type": "AWS::Cognito::UserPool", "Properties": given},
            "Client": {
                "Type": "AWS::Cognito::UserPoolClient",
                "Properties": {
                    "UserPoolId": {"Ref": "Pool"},
                    "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
                    **(client or {}),
                },
            },
        },
        "Outputs": {"Pool": {"Value": {"Ref": "Pool"}}, "Client": {"Value": {"Ref": "Client"}}},
    }


def sign_up(cognito: Any, pool: Mapping[str, str], address: str) -> None:
    """Make an account that an administrator has confirmed, with a verified address."""
    cognito.sign_up(ClientId=pool["Client"], Username=address, Password=PASSWORD)
    cognito.admin_confirm_sign_up(UserPoolId=pool["Pool"], Username=address)
    verified = [{"Name": "email_verified", "Value": "true"}]
    cognito.admin_update_user_attributes(UserPoolId=pool["Pool"], Username=address, UserAttributes=verified)


def sign_in(cognito: Any, pool: Mapping[str, str], address: str) -> dict[str, str]:
    """Return the tokens of a new session."""
    given = {"USERNAME": address, "PASSWORD": PASSWORD}
    answer = cognito.initiate_auth(ClientId=pool["Client"], AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
    result: dict[str, str] = answer["AuthenticationResult"]
    return result
