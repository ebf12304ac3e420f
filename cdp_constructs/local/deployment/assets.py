"""Uploads a stack's assets to the buckets that its template expects."""

import zipfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

from botocore.exceptions import ClientError

from cdp_constructs.assembly import DEFAULT_REGION, FileAsset, StackArtifact
from cdp_constructs.local.clients.aws import Clients
from cdp_constructs.local.errors import LocalCloudError

__all__ = ["ensure_bucket", "publish", "refuse_outside"]

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def _zipped(folder: Path) -> bytes:
    content = BytesIO()
    # Not compressed: the transfer over loopback is cheap, and a layer of 20 MB takes a second to compress.
    with zipfile.ZipFile(content, "w") as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            # The same bytes for the same files, as the CDK does it, and the permissions that layers rely on.
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _ZIP_EPOCH)
            entry.external_attr = file.stat().st_mode << 16
            archive.writestr(entry, file.read_bytes())
    return content.getvalue()


def _links(source: Path) -> Iterator[Path]:
    return (path for path in source.rglob("*") if path.is_symlink())


def _sources(stack: StackArtifact) -> Iterator[Path]:
    """Yield the files and folders that a stack's assets are made from."""
    yield from (asset.source for asset in stack.assets)
    yield from (image.source for image in stack.images if image.source is not None)


def refuse_outside(stacks: Iterable[StackArtifact], assembly: Path) -> None:
    """Refuse assets that are not in the assembly: it could name any file that the user can read.

    Raises:
        LocalCloudError: an asset, or what a link in one leads to, is outside; all of them are listed.
    """
    root = assembly.resolve()
    sources = dict.fromkeys(source for stack in stacks for source in _sources(stack))
    outside = [str(source) for source in sources if not source.is_relative_to(root)]
    for source in sources:
        if source.is_relative_to(root):
            links = ((link, link.resolve()) for link in _links(source))
            outside += [f"{target} (by the link {link})" for link, target in links if not target.is_relative_to(root)]
    if outside:
        raise LocalCloudError(
            f"the assembly {assembly} has assets outside of its folder: {', '.join(outside)}; synthesise with staging "
            "(without --no-staging and aws:cdk:disable-asset-staging), which copies them into it, or allow them with "
            "`cdp local up --allow-assets-outside` or deploy(…, allow_assets_outside=True)"
        )


def ensure_bucket(clients: Clients, account: str, region: str, bucket: str) -> None:
    """Create a bucket of the account in the Region if it does not exist."""
    s3 = clients.get("s3", region=region, account=account)
    where = {} if region == DEFAULT_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=bucket, **where)
    except (s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
        return


def _is_there(s3: object, asset: FileAsset) -> bool:
    try:
        s3.head_object(Bucket=asset.bucket, Key=asset.key)  # type: ignore[attr-defined]  # boto3 makes methods at run time
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:  # noqa: PLR2004  # not found
            return False
        raise
    return True


def publish(clients: Clients, stack: StackArtifact) -> None:
    """Upload the assets of a stack that do not exist yet.

    Raises:
        LocalCloudError: a file of the assembly is missing.
    """
    for bucket, region in {(asset.bucket, asset.region) for asset in stack.assets}:
        ensure_bucket(clients, stack.account, region, bucket)
    for asset in stack.assets:
        s3 = clients.get("s3", region=asset.region, account=stack.account)
        if _is_there(s3, asset):  # the key has the hash of the content
            continue
        if not asset.source.exists():
            raise LocalCloudError(f"{asset.source}, an asset of {stack.path}, does not exist; synthesise again")
        body = _zipped(asset.source) if asset.is_folder else asset.source.read_bytes()
        s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=body)
