"""A web page of another origin, in a browser on the machine on which the embedded cloud runs."""

import json
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, Page

from cdp_constructs.local import LocalCloud
from tests.browsers import open_browser
from tests.security.test_other_user import ADMINISTRATION, unverified
from tests.stacks.chat.clients import HOME, Chat

# What the attacker's DNS says.
NAMES = "--host-resolver-rules=MAP evil.test 127.0.0.1, MAP rebind.test 127.0.0.1"
REFUSED = "refused by the browser"

# What a page may try: to read the answer, and to send without reading ("no-cors", which no preflight asks about).
ASK = """async ([url, options]) => {
    const answers = [];
    for (const mode of ["cors", "no-cors"]) {
        try {
            const answer = await fetch(url, {...options, mode});
            answers.push(answer.type === "opaque" ? "opaque" : `${answer.status} ${await answer.text()}`);
        } catch (error) {
            answers.push("refused by the browser");
        }
    }
    return answers;
}"""
CONNECT = """url => new Promise(resolve => {
    const socket = new WebSocket(url, ["aws-appsync-event-ws", "mqtt"]);
    socket.onopen = () => resolve("open");
    socket.onerror = socket.onclose = () => resolve("refused by the browser");
})"""

pytestmark = pytest.mark.browser


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        del arguments


@pytest.fixture(scope="module")
def web_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Another program of the machine that serves a page; return its port."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text("<!doctype html><title>A page</title>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser(NAMES) as browser:
        yield browser


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    with chromium.new_context() as context:
        yield context.new_page()


@pytest.fixture(scope="module")
def cloud(chat: Chat) -> LocalCloud:
    return chat.cloud


@pytest.fixture(params=["evil.test", "localhost"])
def page(tab: Page, web_server: int, request: pytest.FixtureRequest) -> Page:
    tab.goto(f"http://{request.param}:{web_server}/")
    return tab


def _state(cloud: LocalCloud) -> Mapping[str, int]:
    """How much there is of what attackers would make or remove."""
    iam = cloud.client("iam")
    functions, tables, buckets = cloud.client("lambda", HOME), cloud.client("dynamodb", HOME), cloud.client("s3", HOME)
    return {
        "roles": sum(len(each["Roles"]) for each in iam.get_paginator("list_roles").paginate()),
        "functions": sum(len(each["Functions"]) for each in functions.get_paginator("list_functions").paginate()),
        "tables": len(tables.list_tables()["TableNames"]),
        "buckets": len(buckets.list_buckets()["Buckets"]),
    }


def _attempts(chat: Chat) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Addresses and what `fetch` is told to send there."""
    endpoint = chat.cloud.endpoint
    form = "application/x-www-form-urlencoded"
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = f"Action=CreateRole&Version=2010-05-08&RoleName=evil&AssumeRolePolicyDocument={trust}"
    function = json.dumps({"FunctionName": "evil", "Role": "arn:aws:iam::000000000000:role/evil", "Code": {}})
    target = {"X-Amz-Target": "secretsmanager.ListSecrets"}
    for key in ("test", "000000000000"):
        for headers, path, body in (
            ({"Content-Type": form, **unverified("iam", key)}, "/", role),
            (unverified("lambda", key), "/2015-03-31/functions", function),
            (unverified("lambda", key), "/2015-03-31/functions/evil/invocations", "{}"),
            ({**target, **unverified("secretsmanager", key)}, "/", "{}"),
        ):
            yield f"{endpoint}{path}", {"method": "POST", "headers": headers, "body": body}
    yield f"{endpoint}/?{role}", {"method": "GET"}
    yield f"{endpoint}/", {"method": "POST", "headers": {"Content-Type": "text/plain"}, "body": role}
    yield f"{endpoint}/evil-bucket", {"method": "PUT"}
    for method, path in ADMINISTRATION:
        body = {} if method == "GET" else {"body": "{}", "headers": {"Content-Type": "text/plain"}}
        yield f"{endpoint}{path}", {"method": method, **body}


def test_a_page_of_another_origin_reads_and_changes_nothing(chat: Chat, page: Page) -> None:
    before = _state(chat.cloud)
    for url, options in _attempts(chat):
        answers = page.evaluate(ASK, [url, options])
        assert set(answers) <= {REFUSED, "opaque"}, (url, answers)
    assert _state(chat.cloud) == before
    assert "evil" not in {each["RoleName"] for each in chat.cloud.client("iam").list_roles()["Roles"]}
    assert chat.user().call(HOME, "GET", "/rooms").is_success, "no fault, no partition, no reset"


def test_a_page_of_another_origin_cannot_sign_in_or_call_the_api(chat: Chat, page: Page) -> None:
    target = {"X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth"}
    sign_in = {"method": "POST", "headers": {"Content-Type": "application/x-amz-json-1.1", **target}, "body": "{}"}
    for url, options in ((chat.cloud.endpoint, sign_in), (f"{chat.url(HOME)}/rooms", {"method": "GET"})):
        assert page.evaluate(ASK, [url, options])[0] == REFUSED


def test_a_page_of_another_origin_opens_no_web_socket(chat: Chat, page: Page) -> None:
    port = urlsplit(chat.cloud.endpoint).port
    for host in (f"x.appsync-realtime-api.{HOME}.localhost:{port}", f"iot.{HOME}.localhost:{port}"):
        assert page.evaluate(CONNECT, f"ws://{host}/event/realtime") == REFUSED
        assert page.evaluate(CONNECT, f"ws://{host}/mqtt") == REFUSED


def test_a_name_that_dns_leads_here_is_not_served(chat: Chat, tab: Page) -> None:
    port = urlsplit(chat.cloud.endpoint).port
    for path in ("/", "/_ministack/ready", "/_ministack/health", f"/_cdp/ses/mails?region={HOME}"):
        answer = tab.goto(f"http://rebind.test:{port}{path}")
        assert answer is not None
        assert answer.status == 403
        assert "not served here" in answer.text()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "169.254.169.254"]
)
def test_a_host_that_is_not_served_is_refused(cloud: LocalCloud, host: str) -> None:
    answer = httpx.get(f"{cloud.endpoint}/_ministack/ready", headers={"Host": host})
    assert (answer.status_code, "not served" in answer.json()["message"]) == (403, True)


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://localhost:1", "http://127.0.0.1:1"])
def test_an_origin_that_nothing_names_is_refused(cloud: LocalCloud, chat: Chat, origin: str) -> None:
    headers = {"Origin": origin, "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth"}
    for url in (cloud.endpoint, chat.url(HOME), f"{cloud.endpoint}/_cdp/faults"):
        for answer in (httpx.post(url, headers=headers, content="{}"), httpx.options(url, headers=headers)):
            assert answer.status_code == 403
            assert not any(name.startswith("access-control-") for name in answer.headers)


def test_a_page_whose_origin_a_bucket_allows_uploads_and_signs_in(
    cloud: LocalCloud, tab: Page, web_server: int
) -> None:
    origin, bucket = f"http://localhost:{web_server}", f"uploads-{uuid4().hex[:8]}"
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=bucket)
    rule = {"AllowedOrigins": [origin], "AllowedMethods": ["PUT"], "AllowedHeaders": ["*"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "page.txt"})
    try:
        tab.goto(f"{origin}/")
        assert tab.evaluate(ASK, [url, {"method": "PUT", "body": "from the page"}])[0].startswith("200")
        assert s3.get_object(Bucket=bucket, Key="page.txt")["Body"].read() == b"from the page"
        # Its origin is a site of this cloud now: it reads what services that are open to browsers say, and no others.
        headers = {"Content-Type": "application/x-amz-json-1.1"}
        cognito = {"X-Amz-Target": "AWSCognitoIdentityProviderService.GetUser"}
        request = {"method": "POST", "headers": {**headers, **cognito}, "body": '{"AccessToken": "none"}'}
        assert "NotAuthorized" in tab.evaluate(ASK, [cloud.endpoint, request])[0]
        secrets = {"X-Amz-Target": "secretsmanager.ListSecrets"}
        request = {"method": "POST", "headers": {**headers, **secrets}, "body": "{}"}
        assert tab.evaluate(ASK, [cloud.endpoint, request])[0] == REFUSED
    finally:
        s3.delete_object(Bucket=bucket, Key="page.txt")
        s3.delete_bucket(Bucket=bucket)
