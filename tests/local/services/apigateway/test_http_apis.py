"""HTTP APIs: routes, CORS and custom domains."""

import httpx

from cdp_constructs.local import LocalCloud
from tests.local.services.apigateway.apis import DOMAIN, OREGON, ORIGIN


def test_open_routes_need_no_token_and_unknown_ones_are_not_found(url: str) -> None:
    assert httpx.get(f"{url}/health").status_code == 200
    assert httpx.get(f"{url}/nowhere").status_code == 404


def test_preflights_are_answered_for_named_origins_only(url: str) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    allowed = httpx.options(f"{url}/rooms/lobby", headers={"Origin": ORIGIN, **asked})
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    assert set(allowed.headers["access-control-allow-methods"].split(",")) == {"GET", "POST"}
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert allowed.headers["access-control-max-age"] == "600"
    other_origin = httpx.options(f"{url}/rooms/lobby", headers={"Origin": "https://evil.example", **asked})
    assert "access-control-allow-origin" not in other_origin.headers


def test_answers_carry_cors_headers(url: str) -> None:
    answer = httpx.get(f"{url}/health", headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN


def test_a_custom_domain_is_regional_and_leads_to_the_api(cloud: LocalCloud, api: dict[str, str]) -> None:
    certificate = cloud.client("acm", region=OREGON).describe_certificate(CertificateArn=api["Certificate"])
    assert certificate["Certificate"]["Status"] == "ISSUED"
    assert api["Target"].endswith(f".execute-api.{OREGON}.amazonaws.com")
    assert api["Zone"]
    answer = httpx.get(f"{cloud.endpoint}/health", headers={"Host": DOMAIN})
    assert answer.status_code == 200, answer.text
    assert answer.json()["rawPath"] == "/health"
