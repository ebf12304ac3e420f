"""The web client: its files, its name, and the APIs that its pages may call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_cdk import Annotations, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs import DirectHosting
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.names import name_everywhere
from stacks.chat.config import ConfigurationError
from stacks.chat.edge_stack import hosted_zone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_certificatemanager as acm
    from aws_cdk import aws_route53 as route53

    from stacks.chat.config import ChatConfiguration
    from stacks.chat.edge_stack import EdgeStack
    from stacks.chat.global_stack import GlobalStack
    from stacks.chat.regional_stack import RegionalStack

DIST = Path(__file__).parent / "web" / "dist"
NEAREST = "nearest"
"""What the client's configuration calls the Region behind the routed name."""


class WebCopyStack(Stack):
    """The bucket of another Region from which the site is served while that of the home Region fails.

    Attributes:
        bucket: Empty until the web client's stack puts the same files into it.
    """

    def __init__(self, scope: Construct, construct_id: str, **kwargs: Any) -> None:
        super().__init__(scope, construct_id, description="Chat: copy of the web client", **kwargs)
        self.bucket = add_private_bucket(self, "Bucket")
        reads = {"s3:GetObject": self.bucket.arn_for_objects("*"), "s3:ListBucket": self.bucket.bucket_arn}
        # The distribution is created after this bucket, so any of this account may read: the files are public.
        ours = {"ArnLike": {"AWS:SourceArn": f"arn:{self.partition}:cloudfront::{self.account}:distribution/*"}}
        for action, resource in reads.items():
            self.bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
                    actions=[action],
                    resources=[resource],
                    conditions=ours,
                )
            )


class WebStack(Stack):
    """The site in the home Region, served everywhere by CloudFront; ``/api`` leads to the chat's API.

    Attributes:
        hosting: Bucket, distribution and files.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        configuration: "ChatConfiguration",
        shared: "GlobalStack",
        regions: "Mapping[str, RegionalStack]",
        copy: WebCopyStack | None,
        edge: "EdgeStack | None",
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, description="Chat: web client", **kwargs)
        if not (DIST / "index.html").is_file():
            message = f"the web client is not built ({DIST} has no index.html). Run: make web"
            raise ConfigurationError(message)
        domain_names, certificate, zone = self._own_name(configuration, edge)
        sign_in = f"https://cognito-idp.{shared.region}.{self.url_suffix}"
        apis = {
            region: f"https://{stack.api.api.api_id}.execute-api.{region}.{self.url_suffix}"
            for region, stack in regions.items()
        }
        uploads = {region: f"https://{self._upload_host(region, stack)}" for region, stack in regions.items()}
        # No Region knows the name that CloudFront will give, so none can allow that origin: what a page calls is then
        # below its own.
        behind = configuration.web_domain_name is None
        self.hosting = DirectHosting(
            self,
            "Web",
            failover_bucket=None if copy is None else self._copy_of(copy),
            domain_names=domain_names,
            certificate=certificate,
            zone=zone,
            content_security_policy={
                "connect-src": [
                    sign_in,
                    *(() if behind else (*apis.values(), *uploads.values())),
                    *(stack.live.channels.realtime_endpoint for stack in regions.values()),
                ],
                "img-src": [f"https://{stack.attachments.delivery.domain_name}" for stack in regions.values()],
            },
        )
        if copy is not None:
            Annotations.of(self.hosting.distribution).acknowledge_warning(
                "@aws-cdk/aws-cloudfront-origins:updateImportedBucketPolicyOac",
                "The copy's own stack lets CloudFront read it.",
            )
        self.hosting.add_site(DIST)
        home = configuration.home_region
        api = regions[home].api.api
        if configuration.latency_routing:
            self.hosting.add_api(api, domain_name=configuration.domain_name)
        else:
            self.hosting.add_api(api)
        if behind:
            apis = {region: self._put_api_behind(region, stack) for region, stack in regions.items() if region != home}
        first = NEAREST if configuration.latency_routing else home
        self.hosting.add_configuration(
            {
                "apis": [
                    # Through the page's own name, without CORS; then each Region by itself, for when that one fails.
                    {"region": first, "url": "/api"},
                    *({"region": region, "url": url} for region, url in apis.items() if region != first),
                ],
                "uploads": [self._put_uploads_behind(*one) for one in regions.items()] if behind else [],
                "userPool": {
                    "region": shared.region,
                    "clientId": shared.user_pool_client.user_pool_client_id,
                    "endpoint": f"{sign_in}/",
                },
                **({} if configuration.typing_notices else {"typing": False}),
            }
        )
        made = edge.firewall if edge is not None else None
        web_acl_arn = configuration.web_acl_arn or (made.web_acl_arn if made is not None else None)
        if web_acl_arn is not None:
            self.hosting.attach_web_acl(web_acl_arn)
        CfnOutput(self, "WebUrl", value=self.hosting.url)

    def _put_api_behind(self, region: str, stack: "RegionalStack") -> str:
        path = f"/regions/{region}/api"
        self.hosting.add_api(stack.api.api, path=path, region=region)
        return path

    def _put_uploads_behind(self, region: str, stack: "RegionalStack") -> dict[str, str]:
        path, name = f"/regions/{region}/uploads", name_everywhere(stack.attachments.upload.bucket)
        bucket = s3.Bucket.from_bucket_attributes(self, f"Uploads-{region}", bucket_name=name, region=region)
        self.hosting.add_uploads(bucket, path=path)
        return {"bucket": name, "url": f"{path}/"}

    def _copy_of(self, copy: WebCopyStack) -> s3.IBucket:
        return s3.Bucket.from_bucket_attributes(
            self, "Copy", bucket_name=name_everywhere(copy.bucket), region=copy.region
        )

    def _own_name(
        self, configuration: "ChatConfiguration", edge: "EdgeStack | None"
    ) -> "tuple[list[str], acm.ICertificate | None, route53.IHostedZone | None]":
        name = configuration.web_domain_name
        if name is None:
            return [], None, None
        certificate = edge.certificate if edge is not None else None
        if configuration.web_certificate_arn is not None:
            # Imported here: a certificate that is made belongs to another stack.
            from aws_cdk import aws_certificatemanager as acm

            certificate = acm.Certificate.from_certificate_arn(self, "Certificate", configuration.web_certificate_arn)
        return [name], certificate, hosted_zone(self, configuration) if configuration.web_name_is_in_zone else None

    def _upload_host(self, region: str, stack: "RegionalStack") -> str:
        # As the upload form names it.
        return f"{name_everywhere(stack.attachments.upload.bucket)}.s3.{region}.{self.url_suffix}"
