"""CloudFront: signed URLs and cookies, rotation of keys at run time."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cdp_constructs.local import LocalCloud
from tests.local.services.cloudfront.site import TEMPLATE, Site, key_pair


@pytest.fixture(scope="module")
def site(cloud: LocalCloud, stacks: Any) -> Iterator[Site]:
    outputs = stacks.deploy(TEMPLATE)
    s3 = cloud.client("s3")
    objects = ("private/cat.jpg", "private/a b.jpg", "public/logo.svg")
    for key in objects:
        s3.put_object(Bucket=outputs["Bucket"], Key=key, Body=key.encode())
    yield Site(cloud, outputs)
    for key in objects:
        s3.delete_object(Bucket=outputs["Bucket"], Key=key)


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)


def test_private_behaviour_refuses_without_a_signature(site: Site) -> None:
    answer = site.get(f"{site.url}/private/cat.jpg")
    assert answer.status_code == 403
    assert "MissingKey" in answer.text


def test_canned_policy(site: Site) -> None:
    sign = site.signer().generate_presigned_url
    signed = sign(f"{site.url}/private/cat.jpg", date_less_than=soon())
    assert site.get(signed).text == "private/cat.jpg"
    with_query = sign(f"{site.url}/private/cat.jpg?size=large", date_less_than=soon())
    assert site.get(with_query).status_code == 200
    assert site.get(sign(f"{site.url}/private/a%20b.jpg", date_less_than=soon())).text == "private/a b.jpg"
    refused = {
        "another object": signed.replace("cat.jpg", "a%20b.jpg"),
        "later expiry": signed.replace("Expires=", "Expires=9"),
        "changed query": with_query.replace("large", "small"),
        "expired": sign(f"{site.url}/private/cat.jpg", date_less_than=datetime.now(UTC) - timedelta(seconds=5)),
        "unknown key": signed.replace(site.outputs["Key"], "KUNKNOWN"),
        "no signature": signed.partition("&Signature=")[0] + f"&Key-Pair-Id={site.outputs['Key']}",
    }
    answers = {name: site.get(url).status_code for name, url in refused.items()}
    assert answers == dict.fromkeys(refused, 403)


def test_a_signature_of_another_key_is_refused(site: Site) -> None:
    _, other_key = key_pair()
    signer = CloudFrontSigner(site.outputs["Key"], other_key)
    signed = signer.generate_presigned_url(f"{site.url}/private/cat.jpg", date_less_than=soon())
    assert site.get(signed).status_code == 403


def test_sha_256_when_the_viewer_names_it(cloud: LocalCloud, site: Site) -> None:
    client = cloud.client("cloudfront")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    config = {"CallerReference": "sha-256", "Name": "sha-256", "EncodedKey": pem.decode()}
    key_id = client.create_public_key(PublicKeyConfig=config)["PublicKey"]["Id"]
    group = client.get_key_group_config(Id=site.outputs["KeyGroup"])
    trusted = {**group["KeyGroupConfig"], "Items": [site.outputs["Key"], key_id]}
    client.update_key_group(Id=site.outputs["KeyGroup"], IfMatch=group["ETag"], KeyGroupConfig=trusted)
    signer = CloudFrontSigner(key_id, lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA256()))
    signed = signer.generate_presigned_url(f"{site.url}/private/cat.jpg", date_less_than=soon())
    statuses = {
        algorithm: site.get(f"{signed}{algorithm}").status_code
        for algorithm in ("&Hash-Algorithm=SHA256", "", "&Hash-Algorithm=SHA1", "&Hash-Algorithm=MD5")
    }
    group = client.get_key_group_config(Id=site.outputs["KeyGroup"])
    first = {**group["KeyGroupConfig"], "Items": [site.outputs["Key"]]}
    client.update_key_group(Id=site.outputs["KeyGroup"], IfMatch=group["ETag"], KeyGroupConfig=first)
    client.delete_public_key(Id=key_id, IfMatch=client.get_public_key(Id=key_id)["ETag"])
    assert statuses == {"&Hash-Algorithm=SHA256": 200, "": 403, "&Hash-Algorithm=SHA1": 403, "&Hash-Algorithm=MD5": 403}


def test_custom_policy(site: Site) -> None:
    url = f"{site.url}/private/cat.jpg"

    def status(resource: str, **options: Any) -> int:
        signed = site.signer().generate_presigned_url(url, policy=site.custom(resource, **options))
        return site.get(signed).status_code

    assert status(f"{site.url}/private/*") == 200
    assert status(f"{site.url}/private/c?t.jpg") == 200
    assert status("http*://*/private/*", ip_address="127.0.0.0/8") == 200
    assert status(f"{site.url}/other/*") == 403
    assert status(f"{site.url}/private/*", ip_address="203.0.113.0/24") == 403
    assert status(f"{site.url}/private/*", date_greater_than=soon() - timedelta(minutes=1)) == 403
    assert status(f"{site.url}/private/*", expires=datetime.now(UTC) - timedelta(seconds=5)) == 403


def test_signed_cookies(site: Site) -> None:
    signer = site.signer()
    policy = site.custom(f"{site.url}/private/*")
    signed = signer.generate_presigned_url(f"{site.url}/private/", policy=policy)
    cookies = {f"CloudFront-{name}": value for name, value in httpx.URL(signed).params.items()}
    assert set(cookies) == {"CloudFront-Policy", "CloudFront-Signature", "CloudFront-Key-Pair-Id"}
    for path in ("private/cat.jpg", "private/a%20b.jpg"):
        assert site.get(f"{site.url}/{path}", headers=cookie_header(cookies)).status_code == 200
    tampered = {**cookies, "CloudFront-Policy": cookies["CloudFront-Policy"][:-4] + "AAAA"}
    assert site.get(f"{site.url}/private/cat.jpg", headers=cookie_header(tampered)).status_code == 403
    assert site.get(f"{site.url}/other.jpg", headers=cookie_header(cookies)).status_code == 403


@pytest.mark.parametrize(
    "others",
    [
        ['prefs={"theme":"dark"}'],
        ["flag"],
        ["flag="],
        ["=nameless"],
        ["a=b=c", 'quoted="x; y"', "list=[1,2]", "name@x/y=1"],
        ["CloudFront=1", "CloudFront-=1", "cloudfront-policy=1"],
        ["", " ", "é=ü".encode().decode("latin-1")],
    ],
    ids=repr,
)
@pytest.mark.parametrize("position", ["before", "after", "around"])
def test_signed_cookies_stand_beside_any_others(site: Site, others: list[str], position: str) -> None:
    policy = site.custom(f"{site.url}/private/*")
    signed = site.signer().generate_presigned_url(f"{site.url}/private/", policy=policy)
    cookies = [f"CloudFront-{name}={value}" for name, value in httpx.URL(signed).params.items()]
    sent = {"before": [*others, *cookies], "after": [*cookies, *others], "around": [*others, *cookies, *others]}[
        position
    ]
    header = [(b"Cookie", "; ".join(sent).encode("latin-1"))]
    answer = httpx.get(site.viewer_url("private/cat.jpg"), headers=header)
    assert (answer.status_code, answer.text) == (200, "private/cat.jpg")
    # It was the signature that opened it.
    bare = httpx.get(site.viewer_url("private/cat.jpg"), headers=[(b"Cookie", "; ".join(others).encode("latin-1"))])
    assert bare.status_code == 403


def cookie_header(cookies: dict[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


def test_a_key_rotates_at_run_time_while_both_keys_are_valid(cloud: LocalCloud, site: Site) -> None:
    client = cloud.client("cloudfront")
    public, sign = key_pair()
    config = {"CallerReference": str(time.time_ns()), "Name": "second", "EncodedKey": public}
    second = client.create_public_key(PublicKeyConfig=config)["PublicKey"]["Id"]
    group = site.outputs["KeyGroup"]

    def trust(*keys: str) -> None:
        current = client.get_key_group_config(Id=group)
        config = {**current["KeyGroupConfig"], "Items": list(keys)}
        client.update_key_group(Id=group, IfMatch=current["ETag"], KeyGroupConfig=config)

    url = f"{site.url}/private/cat.jpg"
    by_first = site.signer().generate_presigned_url(url, date_less_than=soon())
    by_second = CloudFrontSigner(second, sign).generate_presigned_url(url, date_less_than=soon())
    seen = [(site.get(by_first).status_code, site.get(by_second).status_code)]
    for keys in ((site.outputs["Key"], second), (second,), (site.outputs["Key"],)):
        trust(*keys)
        seen.append((site.get(by_first).status_code, site.get(by_second).status_code))
    assert seen == [(200, 403), (200, 200), (403, 200), (200, 403)]
    client.delete_public_key(Id=second, IfMatch=client.get_public_key(Id=second)["ETag"])
    first = site.outputs["Key"]
    version = client.get_public_key(Id=first)["ETag"]
    with pytest.raises(client.exceptions.PublicKeyInUse):
        client.delete_public_key(Id=first, IfMatch=version)
