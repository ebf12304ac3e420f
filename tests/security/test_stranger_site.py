"""A stranger at the web client and the health routes: other origins, other paths, and what answers tell."""

import httpx
import pytest

from demo.chat.site import DOMAIN
from tests.security.moves import send
from tests.stacks.chat.clients import HOME, REGIONS, Chat, User

ORIGIN = f"https://{DOMAIN}"
FOREIGN = [
    "https://evil.example.com",
    "null",
    f"{ORIGIN}.evil.example.com",
    f"https://evil-{DOMAIN}",
    f"http://{DOMAIN}",
    f"{ORIGIN}:8443",
]
PAGES = ["/", "/rooms/7", "/config.json"]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("region", REGIONS)
def test_an_api_answers_pages_of_the_chats_own_origin_only(
    chat: Chat, stranger: User, region: str, origin: str
) -> None:
    def allowed(asking: str) -> set[str | None]:
        method = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        answers = [
            send(chat, region, "OPTIONS", "/rooms", Origin=asking, **method),
            send(chat, region, "GET", "/rooms", token=stranger.token, Origin=asking),
        ]
        return {answer.headers.get("access-control-allow-origin") for answer in answers}

    assert allowed(ORIGIN) == {ORIGIN}
    assert allowed(origin) == {None}


@pytest.mark.parametrize("origin", FOREIGN)
def test_the_bucket_takes_uploads_of_the_chats_own_pages_only(chat: Chat, origin: str) -> None:
    bucket = chat.resource(f"Chat-{HOME}", "AWS::S3::Bucket", "AttachmentsUpload")

    def preflight(asking: str) -> str | None:
        headers = {"Origin": asking, "Access-Control-Request-Method": "POST"}
        answer = chat.http.options(f"{chat.cloud.endpoint}/{bucket}", headers=headers)
        return answer.headers.get("access-control-allow-origin")

    assert preflight(ORIGIN) == ORIGIN
    assert preflight(origin) is None


def page(chat: Chat, path: str, **headers: str) -> httpx.Response:
    url = httpx.URL(chat.cloud.distribution_url(DOMAIN))
    return chat.http.get(url.copy_with(raw_path=url.raw_path.rstrip(b"/") + path.encode()), headers=headers)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_its_own_code_only_and_sets_no_cookie(chat: Chat, site: str, path: str) -> None:
    assert site
    answer = page(chat, path)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["script-src"] == "'self'"
    assert policy["default-src"] in {"'self'", "'none'"}
    assert policy["frame-ancestors"] == "'none'"
    assert policy.get("object-src", policy["default-src"]) in {"'none'", "'self'"}
    assert "unsafe" not in answer.headers["content-security-policy"]
    for source in policy["img-src"].split():
        assert source in {"'self'", "data:", "blob:"} or ".cloudfront.net" in source or "localhost" in source, source


TRAVERSALS = [
    "/.git/config",
    "/.env",
    "/assets/../config.json.bak",
    "/../../etc/passwd",
    "/..%2f..%2fetc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/assets/..%5c..%5cetc%5cpasswd",
    "/assets/.map",
    "/package.json",
    "/src/main.tsx",
    "//etc/passwd",
    "/?list-type=2",
    "/%00",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leaves_the_site(chat: Chat, site: str, path: str) -> None:
    assert site
    index = page(chat, "/")
    answer = page(chat, path)
    # A path without a file's ending is a place in the application: its page, as for any other.
    assert answer.status_code in {400, 403, 404} or answer.text == index.text, answer.text[:200]
    assert "root:" not in answer.text
    assert "<Contents>" not in answer.text


def test_below_the_sites_own_name_the_api_asks_for_a_token_and_nothing_is_kept(
    chat: Chat, site: str, stranger: User
) -> None:
    assert site
    token = {"Authorization": f"Bearer {stranger.token}"}
    assert page(chat, "/api/rooms", **token).status_code == 200
    assert page(chat, "/api/rooms").status_code == 401
    assert page(chat, "/api/rooms", **token).headers.get("x-cache", "Miss").startswith("Miss")


@pytest.mark.parametrize("region", REGIONS)
def test_health_tells_no_secret(chat: Chat, region: str) -> None:
    for path in ("/health", "/health/deep"):
        answer = send(chat, region, "GET", path)
        assert answer.status_code == 200
        text = answer.text.lower()
        for word in ("arn:", "secret", "token", "000000000000", "cdp-", "traceback", "table-", ".py"):
            assert word not in text, word
