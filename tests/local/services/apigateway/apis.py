"""An HTTP API with a JWT authorizer, and the user pool whose tokens it accepts."""

from typing import Any

from tests.local.resources import role

TOKYO, OREGON = "ap-northeast-1", "us-west-2"
ORIGIN = "https://chat.example.com"
DOMAIN = "api.chat.example.com"
ECHO = """
import json
def handler(event, context):
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
"""
POOL = {
    "Resources": {
        "Pool": {"Type": "AWS::Cognito::UserPool", "Properties": {"UserPoolName": "people"}},
        "Client": {
            "Type": "AWS::Cognito::UserPoolClient",
            "Properties": {
                "UserPoolId": {"Ref": "Pool"},
                "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            },
        },
        "Stranger": {
            "Type": "AWS::Cognito::UserPoolClient",
            "Properties": {"UserPoolId": {"Ref": "Pool"}, "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]},
        },
    },
    "Outputs": {
        "Pool": {"Value": {"Ref": "Pool"}},
        "Issuer": {"Value": {"Fn::GetAtt": ["Pool", "ProviderURL"]}},
        "Client": {"Value": {"Ref": "Client"}},
        "Stranger": {"Value": {"Ref": "Stranger"}},
    },
}


def route(key: str, **options: Any) -> dict[str, Any]:
    target = {"Fn::Join": ["/", ["integrations", {"Ref": "Integration"}]]}
    properties = {"ApiId": {"Ref": "Api"}, "RouteKey": key, "Target": target, **options}
    return {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}


def api_template(issuer: str, client: str, domain: str = DOMAIN) -> dict[str, Any]:
    jwt = {"AuthorizationType": "JWT", "AuthorizerId": {"Ref": "Authorizer"}}
    return {
        "Resources": {
            "Api": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {
                    "Name": "chat",
                    "ProtocolType": "HTTP",
                    "CorsConfiguration": {
                        "AllowOrigins": [ORIGIN],
                        "AllowMethods": ["GET", "POST"],
                        "AllowHeaders": ["authorization", "content-type"],
                        "AllowCredentials": True,
                        "MaxAge": 600,
                    },
                },
            },
            "Stage": {
                "Type": "AWS::ApiGatewayV2::Stage",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "StageName": "$default",
                    "AutoDeploy": True,
                    "DefaultRouteSettings": {"ThrottlingBurstLimit": 100, "ThrottlingRateLimit": 50},
                },
            },
            "Authorizer": {
                "Type": "AWS::ApiGatewayV2::Authorizer",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "Name": "people",
                    "AuthorizerType": "JWT",
                    "IdentitySource": ["$request.header.Authorization"],
                    "JwtConfiguration": {"Issuer": issuer, "Audience": [client]},
                },
            },
            "Integration": {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "IntegrationType": "AWS_PROXY",
                    "IntegrationUri": {"Fn::GetAtt": ["Function", "Arn"]},
                    "PayloadFormatVersion": "2.0",
                },
            },
            "Room": route("GET /rooms/{room}", **jwt),
            "Admin": route("GET /admin", **jwt, AuthorizationScopes=["chat/admin"]),
            "Mine": route("GET /mine", **jwt, AuthorizationScopes=["chat/admin", "aws.cognito.signin.user.admin"]),
            "Health": route("GET /health"),
            "Role": role(),
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.14",
                    "Handler": "index.handler",
                    "Code": {"ZipFile": ECHO},
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                },
            },
            "Permission": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "Action": "lambda:InvokeFunction",
                    "FunctionName": {"Ref": "Function"},
                    "Principal": "apigateway.amazonaws.com",
                    "SourceArn": {"Fn::Sub": "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*"},
                },
            },
            "Certificate": {
                "Type": "AWS::CertificateManager::Certificate",
                "Properties": {"DomainName": domain, "ValidationMethod": "DNS"},
            },
            "Domain": {
                "Type": "AWS::ApiGatewayV2::DomainName",
                "Properties": {
                    "DomainName": domain,
                    "DomainNameConfigurations": [
                        {
                            "CertificateArn": {"Ref": "Certificate"},
                            "EndpointType": "REGIONAL",
                            "SecurityPolicy": "TLS_1_2",
                        }
                    ],
                },
            },
            "ApiMapping": {
                "Type": "AWS::ApiGatewayV2::ApiMapping",
                "Properties": {"ApiId": {"Ref": "Api"}, "DomainName": {"Ref": "Domain"}, "Stage": {"Ref": "Stage"}},
            },
        },
        "Outputs": {
            "Api": {"Value": {"Ref": "Api"}},
            "Certificate": {"Value": {"Ref": "Certificate"}},
            "Target": {"Value": {"Fn::GetAtt": ["Domain", "RegionalDomainName"]}},
            "Zone": {"Value": {"Fn::GetAtt": ["Domain", "RegionalHostedZoneId"]}},
        },
    }
