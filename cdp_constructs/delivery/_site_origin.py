"""Where the files of a site are read from, and which file a path of the site is."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs.core.paths import path_of
from cdp_constructs.core.validation import InvalidOptionError

# Only what has no extension is a page: a missing file stays missing, and answers of an API are not touched, as error
# pages of the distribution would. Below /.well-known/ (RFC 8615) are files, whatever their names.
# A path is compared as S3 reads it: viewers may write each of its characters as %xx, in either case, or as it is.
_PAGES = """\
var files = %s;
function decoded(uri) {
  try { return decodeURIComponent(uri); } catch (error) { return uri; }
}
function handler(event) {
  var request = event.request;
  var path = decoded(request.uri);
  var name = path.slice(path.lastIndexOf("/") + 1);
  if (path.indexOf("/.well-known/") === 0 || files.indexOf(path) >= 0) return request;
%s
  return request;
}
"""
_SINGLE_PAGE = """\
  if (name.indexOf(".") < 0) request.uri = "/index.html";"""
_FOLDERS = """\
  if (name === "") request.uri += "index.html";
  else if (name.indexOf(".") < 0) request.uri += "/index.html";"""
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
_LARGEST_FUNCTION = 10 * 1024
WELL_KNOWN = ".well-known"


def add_page_function(scope: Construct, *, single_page: bool) -> cloudfront.Function:
    """Add the CloudFront Function that gives paths without an extension their index; its id inside is ``Pages``."""
    return cloudfront.Function(
        scope,
        "Pages",
        comment=path_of(scope)[-128:],
        code=cloudfront.FunctionCode.from_inline(_page_code([], single_page=single_page)),
        runtime=cloudfront.FunctionRuntime.JS_2_0,
    )


def keep_files(function: cloudfront.Function, folder: Path, *, single_page: bool) -> None:
    """Let the function leave files of the site alone that have no extension, such as ``LICENSE``.

    Raises:
        InvalidOptionError: when these are too many for a CloudFront Function.
    """
    files = sorted(
        f"/{path.relative_to(folder).as_posix()}"
        for path in folder.rglob("*")
        if path.is_file() and "." not in path.name and WELL_KNOWN not in path.relative_to(folder).parts
    )
    code = _page_code(files, single_page=single_page)
    if len(code) > _LARGEST_FUNCTION:
        problem = f"contains {len(files)} files without an extension, whose names do not fit into a CloudFront Function"
        fix = "Give most of them an extension: what has none is a page of the site"
        raise InvalidOptionError(function, "folder", problem, fix)
    resource = cast("cloudfront.CfnFunction", function.node.default_child)
    resource.function_code = code


def _page_code(files: Sequence[str], *, single_page: bool) -> str:
    return _PAGES % (json.dumps(list(files)), _SINGLE_PAGE if single_page else _FOLDERS)


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


def reading_statement(distribution: cloudfront.Distribution, action: str, resource: str) -> iam.PolicyStatement:
    """Return what a bucket's policy must say for one distribution to do one thing."""
    return iam.PolicyStatement(
        principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
        actions=[action],
        resources=[resource],
        conditions={"StringEquals": {"AWS:SourceArn": distribution.distribution_arn}},
    )
