"""A photo archive: the objects of a bucket, to be listed by owner and by day."""

from aws_cdk import Stack
from aws_cdk import aws_s3 as s3

from cdp_constructs import StorageIndex


def build(stack: Stack) -> StorageIndex:
    """Add the archive's bucket and its index to a stack."""
    photos = s3.Bucket(stack, "Photos", enforce_ssl=True, versioned=True, event_bridge_enabled=True)
    return StorageIndex(stack, "PhotoIndex", bucket=photos, prefix="photos/")
