"""Users of a shop who sign in with Google, with the company's own provider, or with a password."""

from aws_cdk import Stack
from aws_cdk import aws_secretsmanager as secretsmanager

from cdp_constructs import AccountLinking, IdentityProvider, SignInUserPool


def build(stack: Stack) -> SignInUserPool:
    """Add the users; who comes by a trusted provider with a verified address gets into the account that has it."""
    users = SignInUserPool(stack, "Users")
    users.add_identity_providers(
        [
            IdentityProvider.google(
                client_id="1234567890.apps.googleusercontent.com",
                client_secret=secretsmanager.Secret.from_secret_name_v2(stack, "GoogleSecret", "shop/google"),
            ),
            IdentityProvider.oidc(
                name="Works",
                issuer_url="https://id.example.com",
                client_id="shop",
                client_secret=secretsmanager.Secret.from_secret_name_v2(stack, "WorksSecret", "shop/works"),
                trusted_email=True,
            ),
        ],
        domain_prefix="shop-example",
        callback_urls=["https://shop.example.com/signed-in"],
        logout_urls=["https://shop.example.com/"],
        linking=AccountLinking.LINK_VERIFIED,
    )
    return users
