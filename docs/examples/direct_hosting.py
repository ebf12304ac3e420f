"""A single-page application with its API behind the same name."""

from pathlib import Path

from aws_cdk import Stack

from cdp_constructs import AuthorizedApi, DirectHosting

SITE = Path(__file__).parent / "orders_site"


def build(stack: Stack) -> DirectHosting:
    """Serve the built application, tell it where to sign in, and let it call the API below /api."""
    web = DirectHosting(stack, "Web", content_security_policy={"connect-src": ["https://*.amazonaws.com"]})
    api = AuthorizedApi(stack, "Api", allowed_origins=["https://www.example.com"])
    web.add_site(SITE, immutable="assets/*")
    web.add_configuration({"client": api.issuer.audience[0]})
    web.add_api(api.api)
    return web
