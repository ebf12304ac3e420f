"""Images that a function makes and another one only reads."""

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_

from cdp_constructs import SharedFiles


def build(stack: Stack) -> SharedFiles:
    """Add the file system and two functions to a stack."""
    files = SharedFiles(stack, "Files")
    images = files.add_folder("Images", path="/images")
    for name, read_only in (("Maker", False), ("Viewer", True)):
        function = lambda_.Function(
            stack,
            name,
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline("import os\ndef handler(event, context): return os.listdir('/mnt/images')"),
            tracing=lambda_.Tracing.ACTIVE,
            vpc=files.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        )
        files.mount_to_function(function, images, path="/mnt/images", read_only=read_only)
    return files
