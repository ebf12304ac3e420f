"""Distributions that read a bucket as an origin access identity, which the policy names by its canonical user."""

import json
from typing import Any

import httpx

from cdp_constructs.local import LocalCloud

CACHED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
IDENTITY = {"Fn::GetAtt": ["Identity", "S3CanonicalUserId"]}
READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::Sub": "${Bucket.Arn}/*"}}


def _template(*users: Any) -> dict[str, Any]:
    statement = READ | {"Principal": {"CanonicalUser": list(users)}}
    origin = {
        "Id": "bucket",
        "DomainName": {"Fn::GetAtt": ["Bucket", "RegionalDomainName"]},
        "S3OriginConfig": {"OriginAccessIdentity": {"Fn::Sub": "origin-access-identity/cloudfront/${Identity}"}},
    }
    behavior = {"TargetOriginId": "bucket", "ViewerProtocolPolicy": "allow-all", "CachePolicyId": CACHED}
    identity = {"CloudFrontOriginAccessIdentityConfig": {"Comment": "reads"}}
    return {
        "Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket"},
            "Identity": {"Type": "AWS::CloudFront::CloudFrontOriginAccessIdentity", "Properties": identity},
            "Policy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {
                    "Bucket": {"Ref": "Bucket"},
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
                },
            },
            "Distribution": {
                "Type": "AWS::CloudFront::Distribution",
                "Properties": {
                    "DistributionConfig": {"Enabled": True, "Origins": [origin], "DefaultCacheBehavior": behavior}
                },
            },
        },
        "Outputs": {
            "Bucket": {"Value": {"Ref": "Bucket"}},
            "Identity": {"Value": {"Ref": "Identity"}},
            "Domain": {"Value": {"Fn::GetAtt": ["Distribution", "DomainName"]}},
        },
    }


def test_only_the_identity_that_the_policy_names_reads(cloud: LocalCloud, stacks: Any) -> None:
    outputs = stacks.deploy(_template(IDENTITY), name="access-identity")
    s3 = cloud.client("s3")
    s3.put_object(Bucket=outputs["Bucket"], Key="page.txt", Body=b"a page")
    page = f"{cloud.distribution_url(outputs['Domain'])}/page.txt"
    assert httpx.get(page).text == "a page"
    [statement] = json.loads(s3.get_bucket_policy(Bucket=outputs["Bucket"])["Policy"])["Statement"]
    user = f"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity {outputs['Identity']}"
    assert statement["Principal"] == {"AWS": [user]}, "as S3 keeps it"
    stacks.deploy(_template("0" * 64), name="access-identity")
    assert httpx.get(page).status_code == 403
