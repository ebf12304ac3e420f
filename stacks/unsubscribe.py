"""Where the link at the end of mails leads: routes of a system's API that ask nobody to sign in."""

from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_integrations as integrations

from cdp_constructs import Notifications
from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.http_apis import throttle_routes

__all__ = ["UNSUBSCRIBE_PATH", "add_unsubscribe_routes"]

UNSUBSCRIBE_PATH = "/unsubscribe"


def add_unsubscribe_routes(api: apigatewayv2.HttpApi, notifications: Notifications) -> None:
    """Let holders of a mail's link unsubscribe: ``GET`` shows a page, ``POST`` ends the mails.

    Args:
        api: The system's API.
        notifications: Whose mails have the link.
    """
    routes = {}
    for method in (apigatewayv2.HttpMethod.GET, apigatewayv2.HttpMethod.POST):
        (route,) = api.add_routes(
            path=UNSUBSCRIBE_PATH,
            methods=[method],
            integration=integrations.HttpLambdaIntegration("Unsubscribe", notifications.unsubscribe_function),
            # Explicit, because the API's default authorizer would ask readers of mails to sign in.
            authorizer=apigatewayv2.HttpNoneAuthorizer(),
        )
        acknowledge(
            route,
            "AwsSolutions-APIG4",
            "Public, because mail programs follow the link: it switches off the mails of the user whose token it "
            "carries, and nothing else.",
        )
        routes[f"{method.value} {UNSUBSCRIBE_PATH}"] = route
    limits = apigatewayv2.ThrottleSettings(rate_limit=100, burst_limit=50)
    throttle_routes(api, dict.fromkeys(routes, limits), after=routes.values())
