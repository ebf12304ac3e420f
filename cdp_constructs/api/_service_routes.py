"""Routes of a REST API that call a service of AWS, each under a role that may do this one thing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.api._mapping_templates import FAILED, for_origins
from cdp_constructs.core.acknowledgments import acknowledge

__all__ = ["Call", "Front", "ServiceRoutes", "add_method", "add_model", "add_role", "allow_pages", "throttle_method"]

_JSON = "application/json"
_DRAFT = "http://json-schema.org/draft-04/schema#"
_NO_POOL = "Callers sign their requests with credentials of AWS, and IAM decides: no user pool is asked."


@dataclass(frozen=True)
class Call:
    """What a method asks of a service.

    Attributes:
        service: As the URI of the integration names it, for example `dynamodb`.
        action: Such as `PutItem`; None where `path` says what is called.
        request: Mapping template of the request.
        response: Mapping template of the answer when the service did it.
        path: Path at the service.
        status: Answered when the service did it.
        content_type: Of the request to the service.
    """

    service: str
    action: str | None
    request: str
    response: str
    path: str | None = None
    status: int = 202
    content_type: str = "application/x-amz-json-1.0"


@dataclass(frozen=True)
class ServiceRoutes:
    """The methods of a path, and the role under which they call the service."""

    methods: Sequence[apigateway.Method]
    role: iam.Role = field(kw_only=True)

    def grant_invoke(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a role call these methods, of an API with ``iam_authorization``."""
        grants = [method.grant_execute(grantee) for method in self.methods]
        return grants[0].combine(*grants[1:]) if len(grants) > 1 else grants[0]


@dataclass(frozen=True)
class Front:
    """What every method of an API has in common."""

    api: apigateway.RestApi
    validator: apigateway.RequestValidator
    authorizer: apigateway.IAuthorizer | None
    scopes: Sequence[str]
    origins: Sequence[str]


def add_role(scope: Construct, statement: iam.PolicyStatement, description: str) -> iam.Role:
    """Add the role of a path's methods, which API Gateway takes on."""
    role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"), description=description)
    role.add_to_policy(statement)
    return role


def add_model(front: Front, scope: Construct, schema: Mapping[str, Any]) -> apigateway.IModel:
    """Add the model that bodies of a path must fit; another schema is deployed again."""
    described = {"$schema": _DRAFT, **schema}
    model = apigateway.CfnModel(scope, "Model", rest_api_id=front.api.rest_api_id, content_type=_JSON, schema=described)
    deployment = front.api.latest_deployment
    if deployment is not None:
        deployment.node.add_dependency(model)
        deployment.add_to_logical_id({"model": described})
    return apigateway.Model.from_model_name(scope, "ModelName", model.ref)


def add_method(
    front: Front,
    resource: apigateway.IResource,
    method: str,
    call: Call,
    role: iam.Role,
    *,
    model: apigateway.IModel | None = None,
) -> apigateway.Method:
    """Add a method that calls a service when the caller is known and the body fits."""
    cors = ("Access-Control-Allow-Origin", "Vary") if front.origins else ()
    shown = {f"method.response.header.{name}": True for name in cors}
    integration = apigateway.AwsIntegration(
        service=call.service,
        action=call.action,
        path=call.path,
        integration_http_method="POST",
        options=apigateway.IntegrationOptions(
            credentials_role=role,
            # Another media type would meet no model and no template: it is refused with 415.
            passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
            request_parameters={"integration.request.header.Content-Type": f"'{call.content_type}'"},
            request_templates={_JSON: call.request},
            timeout=Duration.seconds(29),
            integration_responses=[
                apigateway.IntegrationResponse(
                    status_code=str(call.status),
                    selection_pattern="2\\d{2}",
                    response_templates={_JSON: for_origins(call.response, front.origins)},
                ),
                apigateway.IntegrationResponse(
                    status_code="502", response_templates={_JSON: for_origins(FAILED, front.origins)}
                ),
            ],
        ),
    )
    added = resource.add_method(
        method,
        integration,
        authorizer=front.authorizer,
        authorization_type=None if front.authorizer else apigateway.AuthorizationType.IAM,
        authorization_scopes=list(front.scopes) or None,
        request_validator=front.validator,
        request_models={_JSON: model} if model is not None else None,
        method_responses=[
            apigateway.MethodResponse(status_code=status, response_parameters=shown or None)
            for status in (str(call.status), "502")
        ],
    )
    if front.authorizer is None:
        acknowledge(added, "AwsSolutions-COG4", _NO_POOL)
    return added


def allow_pages(front: Front, resource: apigateway.IResource, methods: Sequence[str]) -> None:
    """Answer preflight requests of the named origins."""
    if front.origins:
        resource.add_cors_preflight(
            allow_origins=list(front.origins),
            allow_methods=list(methods),
            allow_headers=["authorization", "content-type", "traceparent"],
            max_age=Duration.hours(1),
        )


def throttle_method(
    front: Front, method: apigateway.Method, limits: apigatewayv2.ThrottleSettings, position: int
) -> None:
    """Let a method take fewer requests than the others.

    Args:
        front: The API.
        method: The method.
        limits: Requests per second and burst.
        position: In the settings of the stage; the first one is for all methods.
    """
    stage = front.api.deployment_stage.node.default_child
    path = method.resource.path.replace("/", "~1")
    stage.add_property_override(  # type: ignore[union-attr]  # a CfnStage
        f"MethodSettings.{position}",
        {
            "DataTraceEnabled": False,
            "HttpMethod": method.http_method,
            "MetricsEnabled": True,
            "ResourcePath": f"/{path}",
            "ThrottlingBurstLimit": limits.burst_limit,
            "ThrottlingRateLimit": limits.rate_limit,
        },
    )
