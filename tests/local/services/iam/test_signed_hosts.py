"""Signatures for the names by which an API is known, whatever the client sends as the host."""

from urllib.parse import urlsplit

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cdp_constructs.local import LocalCloud

NAME = "sts.eu-west-1.amazonaws.com"


def _status(cloud: LocalCloud, signed_for: str) -> int:
    port = urlsplit(cloud.endpoint).port
    key, secret = cloud.root.credentials("000000000000")
    request = AWSRequest("POST", f"https://{signed_for}/", data="Action=GetCallerIdentity&Version=2011-06-15")
    request.headers["Content-Type"] = "application/x-www-form-urlencoded"
    SigV4Auth(Credentials(key, secret), "sts", "eu-west-1").add_auth(request)
    headers = {**dict(request.headers), "Host": f"{NAME}.localhost:{port}"}
    return httpx.post(f"{cloud.endpoint}/", content=request.data, headers=headers).status_code


@pytest.mark.parametrize("signed_for", [NAME, f"{NAME}.localhost"])
def test_a_signature_for_the_same_host_holds(cloud: LocalCloud, signed_for: str) -> None:
    assert _status(cloud, signed_for) == 200


@pytest.mark.parametrize("signed_for", ["sts.eu-central-1.amazonaws.com", "localhost"])
def test_a_signature_for_another_host_does_not(cloud: LocalCloud, signed_for: str) -> None:
    assert _status(cloud, signed_for) == 403
