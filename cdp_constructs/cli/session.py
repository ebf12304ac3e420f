"""What every command on a deployed stack has: which stack, which Region, whose credentials, and errors in one line."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from cdp_constructs.operations.deployed.errors import OperatorError
from cdp_constructs.operations.deployed.stacks import DeployedStack, open_session

__all__ = ["Profile", "Region", "StackName", "explained", "open_stack"]

StackName = Annotated[
    str, typer.Option("--stack", envvar="CDP_STACK", help="The stack, such as Chat-ap-northeast-1.", show_default=False)
]
Region = Annotated[
    str | None,
    typer.Option("--region", help="By default AWS_REGION, AWS_DEFAULT_REGION, or the profile's.", show_default=False),
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", help="By default AWS_PROFILE, or the environment's credentials.", show_default=False),
]

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidAccessKeyId"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}


def open_stack(name: str, region: str | None, profile: str | None) -> DeployedStack:
    """Return a deployed stack."""
    return DeployedStack(name, open_session(region, profile))


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what AWS and the SDK refuse into one line and exit code 1."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except OperatorError as error:
        text = str(error)
    except ClientError as error:
        text = _text_of(error.response.get("Error", {}), error.operation_name)
    except BotoCoreError as error:
        text = _advice(type(error).__name__) or str(error)
    else:
        return
    typer.echo(f"error: {' '.join(text.split())}", err=True)
    raise typer.Exit(1)


def _text_of(error: Mapping[str, Any], operation: str) -> str:
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    if code in _EXPIRED:
        return "the credentials have expired; sign in again (aws sso login), or export new ones"
    if code in _UNKNOWN:
        return f"AWS does not know these credentials ({code}); look at AWS_PROFILE and AWS_ACCESS_KEY_ID"
    if code in _DENIED:
        return f"these credentials may not do this: {message or operation}"
    if "does not exist" in message and operation in {"ListStackResources", "GetTemplate", "DescribeStacks"}:
        return f"{message} in this Region; look at --stack and --region (aws cloudformation list-stacks)"
    return f"{operation}: {code}: {message}"


def _advice(name: str) -> str | None:
    return {
        "NoRegionError": "no Region; export AWS_REGION=ap-northeast-1, or give --region",
        "NoCredentialsError": "no credentials; sign in (aws sso login), or give --profile",
        "PartialCredentialsError": "half of the credentials is missing; export AWS_SECRET_ACCESS_KEY too",
        "UnauthorizedSSOTokenError": "the session has expired; sign in again (aws sso login)",
        "TokenRetrievalError": "the session has expired; sign in again (aws sso login)",
        "SSOTokenLoadError": "there is no session; sign in (aws sso login)",
    }.get(name)
