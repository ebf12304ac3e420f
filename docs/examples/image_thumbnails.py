"""Pictures that users upload get a thumbnail, and a consumer receives a message about each one."""

from aws_cdk import Stack

from cdp_constructs import DirectObjectUpload, ImageThumbnails, SnsSqsFanout


def build(stack: Stack) -> ImageThumbnails:
    """Add the upload, its thumbnails, and a consumer of them to a stack."""
    upload = DirectObjectUpload(
        stack,
        "Pictures",
        content_types=["image/jpeg", "image/png", "application/pdf"],
        max_size_mb=10,
        allowed_origins=["https://www.example.com"],
    )
    thumbnails = ImageThumbnails(
        stack,
        "Thumbnails",
        fanout=SnsSqsFanout(stack, "Accepted", topic=upload.topic),
        bucket=upload.bucket,
        pillow_layer=ImageThumbnails.layer_from_folder(stack, "Pillow", "build/layers/pillow"),
    )
    SnsSqsFanout(stack, "Made", topic=thumbnails.topic).add_subscriber("Gallery")
    return thumbnails
