"""Where the files of a site are read from, and which file a path of the site is."""

from collections.abc import Sequence

from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs.core.paths import path_of

# Only what has no extension is a page: a missing file stays missing, and answers of an API are not touched, as error
# pages of the distribution would.
_SINGLE_PAGE = """\
function handler(event) {
  var request = event.request;
  var name = request.uri.slice(request.uri.lastIndexOf("/") + 1);
  if (name.indexOf(".") < 0) request.uri = "/index.html";
  return request;
}
"""
_FOLDERS = """\
function handler(event) {
  var request = event.request;
  var name = request.uri.slice(request.uri.lastIndexOf("/") + 1);
  if (name === "") request.uri += "index.html";
  else if (name.indexOf(".") < 0) request.uri += "/index.html";
  return request;
}
"""


def add_page_function(scope: Construct, *, single_page: bool) -> cloudfront.Function:
    """Add the CloudFront Function that gives paths without an extension their index; its id inside is ``Pages``."""
    return cloudfront.Function(
        scope,
        "Pages",
        comment=path_of(scope)[-128:],
        code=cloudfront.FunctionCode.from_inline(_SINGLE_PAGE if single_page else _FOLDERS),
        runtime=cloudfront.FunctionRuntime.JS_2_0,
    )


def site_origin(buckets: Sequence[s3.IBucket]) -> cloudfront.IOrigin:
    """Return the first bucket as an origin, with the second, if there is one, for when the first answers 5xx."""
    # Without the permission to list, S3 answers 403 for a file that is not there, and 404 would be no answer.
    levels = [cloudfront.AccessLevel.READ, cloudfront.AccessLevel.LIST]
    first, *others = (
        origins.S3BucketOrigin.with_origin_access_control(bucket, origin_access_levels=levels) for bucket in buckets
    )
    if not others:
        return first
    return origins.OriginGroup(
        primary_origin=first, fallback_origin=others[0], fallback_status_codes=[500, 502, 503, 504]
    )
