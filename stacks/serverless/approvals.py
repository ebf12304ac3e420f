"""Approvals: a page behind a link, on which a person decides about a list."""

from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs import HumanApproval
from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.http_apis import add_access_logs, name_of
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute
from stacks.serverless import HANDLERS
from stacks.serverless.permissions import let_use_items

__all__ = ["Approvals"]

_RATE, _BURST = 10, 20
_PATH = "/approvals/{approval}"


class Approvals(Construct):
    """An HTTP API with one page. Who has the link, with its code of 128 random bits, may decide; nobody signs in.

    Attributes:
        url: The address of the API, to which a link adds the question and the code.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table: dynamodb.ITable,
        approval: HumanApproval,
        alarm_topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        # Imported here: the integrations load half of the CDK.
        from aws_cdk import aws_apigatewayv2_integrations as integrations

        function = add_function(
            self,
            "PageFunction",
            handler=HANDLERS / "approvals",
            shares=["pricing"],
            description="Shows a question about a list, and takes the answer",
            invocation=Invocation.REQUEST,
            correlates=True,
            environment={"ANSWER_FUNCTION": approval.answer_function.function_name},
            memory_size=512,
        )
        approval.grant_answer(function)
        let_use_items(function, table, ["CODE"], "DeleteItem", "GetItem")
        api = apigatewayv2.HttpApi(
            self, "Api", api_name=name_of(self), description=f"Takes decisions about price lists: {path_of(self)}"
        )
        stage = add_access_logs(self, api)
        stage.default_route_settings = apigatewayv2.CfnStage.RouteSettingsProperty(
            throttling_rate_limit=_RATE, throttling_burst_limit=_BURST
        )
        integration = integrations.HttpLambdaIntegration("Page", function)
        for method in (apigatewayv2.HttpMethod.GET, apigatewayv2.HttpMethod.POST):
            route = apigatewayv2.HttpRoute(
                self,
                method.value.capitalize(),
                http_api=api,
                route_key=apigatewayv2.HttpRouteKey.with_(_PATH, method),
                integration=integration,
                authorizer=apigatewayv2.HttpNoneAuthorizer(),
            )
            reason = "The link of the mail has a code of 128 random bits, good for one question: it is the proof."
            acknowledge(route, "AwsSolutions-APIG4", reason)
        self.url = api.api_endpoint
        add_alarm(
            self,
            "PageErrorsAlarm",
            function.metric_errors(period=minute()),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: decisions could not be taken. The buyer sees an error and can try again "
            "until the question expires. Look at the function's log.",
        )
