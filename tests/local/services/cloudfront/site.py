"""A site with public and private behaviours."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cdp_constructs.local import LocalCloud

SECURITY_HEADERS = {
    "StrictTransportSecurity": {"AccessControlMaxAgeSec": 63072000, "IncludeSubdomains": True, "Override": True},
    "ContentTypeOptions": {"Override": True},
    "FrameOptions": {"FrameOption": "DENY", "Override": True},
}


def key_pair() -> tuple[str, Callable[[bytes], bytes]]:
    """Return the public key as PEM and a function that signs as CloudFront wants it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return public.decode(), lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303


FIRST_KEY, FIRST_SIGN = key_pair()


def behavior(**options: Any) -> dict[str, Any]:
    return {
        "TargetOriginId": "bucket",
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        "ResponseHeadersPolicyId": {"Ref": "Headers"},
        **options,
    }


TEMPLATE = {
    "Resources": {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "BlockPublicPolicy": True},
            },
        },
        "BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "Bucket"},
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "s3:GetObject",
                            "Principal": {"Service": "cloudfront.amazonaws.com"},
                            "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
                            "Condition": {
                                "StringEquals": {
                                    "AWS:SourceArn": {
                                        "Fn::Sub": "arn:aws:cloudfront::${AWS::AccountId}:distribution/${Distribution}"
                                    }
                                }
                            },
                        },
                        {
                            "Effect": "Deny",
                            "Action": "s3:*",
                            "Principal": "*",
                            "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        },
                    ],
                },
            },
        },
        "Access": {
            "Type": "AWS::CloudFront::OriginAccessControl",
            "Properties": {
                "OriginAccessControlConfig": {
                    "Name": "conformance",
                    "OriginAccessControlOriginType": "s3",
                    "SigningBehavior": "always",
                    "SigningProtocol": "sigv4",
                }
            },
        },
        "Headers": {
            "Type": "AWS::CloudFront::ResponseHeadersPolicy",
            "Properties": {
                "ResponseHeadersPolicyConfig": {"Name": "security", "SecurityHeadersConfig": SECURITY_HEADERS}
            },
        },
        "Key": {
            "Type": "AWS::CloudFront::PublicKey",
            "Properties": {"PublicKeyConfig": {"CallerReference": "first", "Name": "first", "EncodedKey": FIRST_KEY}},
        },
        "KeyGroup": {
            "Type": "AWS::CloudFront::KeyGroup",
            "Properties": {"KeyGroupConfig": {"Name": "signers", "Items": [{"Ref": "Key"}]}},
        },
        "Distribution": {
            "Type": "AWS::CloudFront::Distribution",
            "Properties": {
                "DistributionConfig": {
                    "Enabled": True,
                    "HttpVersion": "http2and3",
                    "Aliases": ["cdn.example.com"],
                    "DefaultCacheBehavior": behavior(TrustedKeyGroups=[{"Ref": "KeyGroup"}]),
                    "CacheBehaviors": [behavior(PathPattern="/public/*")],
                    "Origins": [
                        {
                            "Id": "bucket",
                            "DomainName": {"Fn::GetAtt": ["Bucket", "RegionalDomainName"]},
                            "S3OriginConfig": {"OriginAccessIdentity": ""},
                            "OriginAccessControlId": {"Fn::GetAtt": ["Access", "Id"]},
                        }
                    ],
                }
            },
        },
    },
    "Outputs": {
        "Bucket": {"Value": {"Ref": "Bucket"}},
        "Domain": {"Value": {"Fn::GetAtt": ["Distribution", "DomainName"]}},
        "Key": {"Value": {"Ref": "Key"}},
        "KeyGroup": {"Value": {"Ref": "KeyGroup"}},
    },
}


class Site:
    """The deployed distribution, and the ways to ask it."""

    def __init__(self, cloud: LocalCloud, outputs: dict[str, str]) -> None:
        self._cloud = cloud
        self.outputs = outputs
        self.url = f"https://{outputs['Domain']}"

    def get(self, url: str, **options: Any) -> httpx.Response:
        return httpx.get(self._cloud.viewer_url(url), **options)

    def viewer_url(self, path: str) -> str:
        return self._cloud.viewer_url(f"{self.url}/{path}")

    def signer(self) -> CloudFrontSigner:
        return CloudFrontSigner(self.outputs["Key"], FIRST_SIGN)

    def custom(self, resource: str, **options: Any) -> str:
        expires = options.pop("expires", datetime.now(UTC) + timedelta(minutes=5))
        policy: str = self.signer().build_policy(resource, expires, **options)
        return policy
