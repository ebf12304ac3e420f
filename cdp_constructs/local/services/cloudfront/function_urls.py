"""CloudFront: an origin access control signs requests to a function URL, whose function then has to allow it.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-lambda.html
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qs, unquote

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.isolation import is_isolated
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.iam.evaluation import policy_allows_service

__all__ = ["from_function_url", "is_signed"]

_cloudfront: Any = ministack.module(
    "services.cloudfront",
    "OriginUnreachable",
    "_collect_streaming_body",
    "_multidict_from_pairs",
    "_oacs",
    "_origin_request_headers",
)
_lambda: Any = ministack.module(
    "services.lambda_svc", "_get_func_record_for_ref_in_scope", "handle_function_url_request", "resolve_function_url"
)
_responses: Any = ministack.module("core.responses", "request_scope")

_HOST = ".lambda-url."
_FORBIDDEN = 403
_WITH_BODY = {"POST", "PUT", "PATCH", "DELETE"}
_signed: ContextVar[bool] = ContextVar("signed_by_cloudfront", default=False)


def is_signed(origin: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """Whether requests to an origin, a function URL, are signed by its origin access control."""
    control = _cloudfront._oacs.get(origin.get("oac_id") or "")
    if control is None or _HOST not in origin["domain_name"] or control["SigningBehavior"] == "never":
        return False
    sent = {name.lower() for name in headers}
    return not (control["SigningBehavior"] == "no-override" and "authorization" in sent)


@patch("ministack.services.lambda_svc:_function_url_is_signed")
def _is_signed(original: Callable[..., bool], *arguments: Any) -> bool:
    return _signed.get() or original(*arguments)


async def from_function_url(
    origin: dict[str, Any],
    method: str,
    path: str,
    query: str,
    headers: dict[str, Any],
    body: bytes,
    address: str,
    forwarded_for: str,
    distribution_arn: str,
) -> Any:
    """Answer with what the function answers, if its policy allows the distribution to call it."""
    url_id = origin["domain_name"].partition(".")[0]
    resolved = _lambda.resolve_function_url(url_id)
    if resolved is None:
        raise _cloudfront.OriginUnreachable(f"no function has the URL {origin['domain_name']}")
    account, region, name, qualifier, settings = resolved
    if is_isolated(region):
        raise _cloudfront.OriginUnreachable(f"{name} is in a Region that is cut off")
    sent = {
        key.lower(): value
        for key, value in _cloudfront._origin_request_headers(origin, headers, address, forwarded_for).items()
    }
    function, config, _ = _lambda._get_func_record_for_ref_in_scope(name, account_id=account, region=region)
    arn = ":".join(filter(None, (config["FunctionArn"], qualifier)))
    conditions = {
        "aws:sourcearn": distribution_arn,
        "aws:sourceaccount": distribution_arn.split(":")[4],
        "lambda:functionurlauthtype": settings.get("AuthType", "AWS_IAM"),
    }
    with _responses.request_scope(account, region):
        allowed = policy_allows_service(
            function.get("policy"), "cloudfront.amazonaws.com", "lambda:InvokeFunctionUrl", arn, region, conditions
        )
    # CloudFront does not read the body: whoever sends one has to send its hash, too.
    lacks_hash = method in _WITH_BODY and bool(body) and "x-amz-content-sha256" not in sent
    if settings.get("AuthType") == "AWS_IAM" and (not allowed or lacks_hash):
        pairs = [("Content-Type", "application/json"), ("x-amzn-ErrorType", "AccessDeniedException")]
        return _FORBIDDEN, "Forbidden", _cloudfront._multidict_from_pairs(pairs), b'{"Message":"Forbidden"}'
    token = _signed.set(True)
    try:
        status, answered, content = await _lambda.handle_function_url_request(
            url_id,
            method,
            unquote(path),
            sent,
            body or b"",
            parse_qs(query, keep_blank_values=True),
            resolved=resolved,
            source_ip="127.0.0.1",
        )
    finally:
        _signed.reset(token)
    if not isinstance(content, bytes):
        content = await _cloudfront._collect_streaming_body(content, origin.get("read_timeout", 30))
    pairs = [(key, item) for key, value in answered.items() for item in (value if isinstance(value, list) else [value])]
    return status, "", _cloudfront._multidict_from_pairs(pairs), content
