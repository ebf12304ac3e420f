"""`cdp card` and `cdp review`, as they are called in a repository and on assemblies."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_s3 as s3
from typer.testing import CliRunner

from cdp_constructs import SnsSqsFanout
from cdp_constructs.cli.app import app
from cdp_constructs.review.revisions import Revisions
from tests.review.templates import TemplateBody, properties, shop

SNAPSHOT = "tests/__snapshots__/test_stacks/test_stack[Shop].json"
EXAMPLE = "tests/__snapshots__/test_fanout/test_template[defaults].json"

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*arguments: str, folder: Path | None = None) -> tuple[int, str]:
        if folder is not None:
            monkeypatch.chdir(folder)
        done = CliRunner().invoke(app, list(arguments))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    return call


class Repository:
    """A git repository with the snapshot of a stack."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("begin", **{SNAPSHOT: shop()})

    def git(self, *arguments: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *who, *arguments], cwd=self.folder, check=True, capture_output=True)

    def write(self, path: str, content: TemplateBody | str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content))

    def commit(self, message: str, **files: TemplateBody | str) -> None:
        for path, content in files.items():
            self.write(path, content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def opened() -> TemplateBody:
    body = shop()
    properties(body, "ApiGatewayV2::Route")["RouteKey"] = "POST /admin"
    return body


def test_the_working_tree_is_compared_with_main(repository: Repository, run: Run) -> None:
    repository.write(SNAPSHOT, opened())
    status, text = run("review", folder=repository.folder)
    assert (status, text.splitlines()[0]) == (
        0,
        "DATA 0   IAM 0   PUBLIC 1   RETENTION 0   ALARMS 0   ACCEPTED 0   COST 0   ALSO 1   in 1 template",
    )
    assert "PUBLIC    new way in that asks for nothing: Api POST /admin\n          in Shop\n" in text


def test_work_of_others_on_main_is_not_told_as_taken_back(repository: Repository, run: Run) -> None:
    repository.git("switch", "--quiet", "--create", "topic")
    repository.commit("only text", **{"README.md": "text"})
    repository.git("switch", "--quiet", "main")
    repository.commit("open", **{SNAPSHOT: opened()})
    assert run("review", "main", "topic", folder=repository.folder) == (0, "no architectural change\n")


def test_a_new_snapshot_is_seen_before_it_is_added(repository: Repository, run: Run) -> None:
    repository.write(EXAMPLE, shop())
    status, text = run("review", "HEAD", folder=repository.folder)
    assert status == 0
    assert "in fanout defaults, an example" in text


def test_the_same_change_is_told_once_with_deployed_stacks_first(repository: Repository, run: Run) -> None:
    repository.commit("more", **{EXAMPLE: shop(), SNAPSHOT.replace("Shop", "Shop-eu-west-1"): shop()})
    for path in (EXAMPLE, SNAPSHOT, SNAPSHOT.replace("Shop", "Shop-eu-west-1")):
        repository.write(path, opened())
    _, text = run("review", "HEAD", folder=repository.folder)
    assert text.count("POST /admin") == 1
    assert "in Shop, Shop-eu-west-1, fanout defaults, 1 of them examples" in text


def test_code_and_packages_are_named_where_no_template_shows_them(repository: Repository, run: Run) -> None:
    repository.commit("lock", **{"requirements.lock": "aws-cdk-lib==2.274.0\nboto3==1.1\n", "src/shop/api.py": "a = 1"})
    repository.write("requirements.lock", "aws-cdk-lib==2.275.0\nboto3==1.1\n")
    repository.write("src/shop/api.py", "a = 2")
    status, text = run("review", "HEAD", folder=repository.folder)
    assert status == 0
    assert text.splitlines() == [
        "no architectural change",
        "",
        "not in templates",
        "  code: src/shop (1 file)",
        "  package: aws-cdk-lib 2.274.0 -> 2.275.0   requirements.lock",
    ]


@pytest.mark.parametrize(
    ("kinds", "status"), [("exposure", 3), ("replacement, exposure", 3), ("broadening", 0), ("", 0)]
)
def test_a_gate_fails_on_what_it_names(repository: Repository, run: Run, kinds: str, status: int) -> None:
    repository.write(SNAPSHOT, opened())
    assert run("review", "--fail-on", kinds, folder=repository.folder)[0] == status


def test_a_gate_against_broadening_fails_on_a_widened_trust_policy(repository: Repository, run: Run) -> None:
    body = shop()
    statement = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"AWS": "222222222222"}}
    properties(body, "IAM::Role")["AssumeRolePolicyDocument"] = {"Statement": [statement]}
    repository.write(SNAPSHOT, body)
    status, text = run("review", "--fail-on", "broadening", folder=repository.folder)
    assert status == 3
    assert "IAM       role WorkerRole may be assumed by more\n" in text
    assert "now   account 222222222222 may assume it\n" in text


@pytest.mark.parametrize(
    ("arguments", "expected", "said"),
    [
        (("no-such-branch",), 1, "no-such-branch is no revision of"),
        (("HEAD", "nowhere"), 1, "nowhere is no revision of"),
        (
            ("--fail-on", "everything"),
            2,
            "--fail-on everything: there are replacement, broadening, exposure, retention",
        ),
        (("--to", "cdk.out"), 2, "--to needs --from"),
        (("--from", "nothing"), 1, "manifest.json does not exist; name the folder that `cdk synth` wrote"),
    ],
)
def test_wrong_input_is_one_line_with_the_fix(
    repository: Repository, run: Run, arguments: tuple[str, ...], expected: int, said: str
) -> None:
    status, text = run("review", *arguments, folder=repository.folder)
    assert status == expected
    assert said in text
    assert len(text.splitlines()) == 1


def test_a_damaged_snapshot_is_named(repository: Repository, run: Run) -> None:
    repository.write(SNAPSHOT, '{"Resources": ')
    status, text = run("review", folder=repository.folder)
    assert status == 1
    assert text.startswith(f"Error: {SNAPSHOT} is no JSON (")


def test_outside_of_a_repository_assemblies_are_offered(tmp_path: Path, run: Run) -> None:
    status, text = run("review", folder=tmp_path)
    assert (status, "compare two assemblies with --from and --to" in text) == (1, True)


def test_nothing_of_a_revision_is_run(repository: Repository, run: Run) -> None:
    mark = repository.folder / "ran"
    for name in ("setup.py", "conftest.py", "app.py", "sitecustomize.py"):
        repository.write(name, f"open({str(mark)!r}, 'w')")
    run("review", folder=repository.folder)
    assert not mark.exists()


def test_snapshots_of_jest_are_read(repository: Repository) -> None:
    template = json.dumps(shop(), indent=2)
    pretty = template.replace(": {", ": Object {").replace(": [", ": Array [").replace("\n  }\n}", "\n  },\n}")
    repository.write(
        "test/__snapshots__/shop.test.ts.snap", f"// Jest\n\nexports[`the stack 1`] = `\nObject {pretty}\n`;\n"
    )
    [one] = Revisions(repository.folder, "HEAD").compared()
    assert one.now is not None
    assert one.now.body == shop()
    assert one.label == "shop.test.ts the stack 1"


def test_a_template_beside_an_integration_test_is_read(repository: Repository) -> None:
    repository.write("test/integ.shop.js.snapshot/Shop.template.json", shop())
    [one] = Revisions(repository.folder, "HEAD").compared()
    assert (one.label, one.deployed) == ("Shop", False)


# --- assemblies


@pytest.fixture(scope="module")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    def synthesise(**options: Any) -> Path:
        folder = tmp_path_factory.mktemp("assembly")
        stack = Stack(cdk := App(outdir=str(folder)), "Shop")
        fanout = SnsSqsFanout(stack, "Orders")
        fanout.add_subscriber("Billing")
        s3.Bucket(stack, "Files", **options)
        cdk.synth()
        return folder

    return synthesise(versioned=True), synthesise(versioned=False)


def test_a_card_names_constructs_by_their_paths(assemblies: tuple[Path, Path], run: Run) -> None:
    status, text = run("card", str(assemblies[0]), "--stack", "Shop")
    assert status == 0
    assert "  Orders/Topic -> Orders/Billing/Queue\n" in text
    assert "bucket Files, under S3's own key, versions kept, retained on deletion and replacement" in text


@pytest.mark.parametrize(
    ("form", "start"), [("text", "Shop\n"), ("markdown", "## Shop\n"), ("mermaid", "flowchart LR\n")]
)
def test_a_card_has_three_formats(assemblies: tuple[Path, Path], run: Run, form: str, start: str) -> None:
    status, text = run("card", str(assemblies[0]), "--format", form)
    assert status == 0
    assert text.startswith(start)


def test_two_assemblies_are_compared(assemblies: tuple[Path, Path], run: Run) -> None:
    before, now = assemblies
    status, text = run("review", "--from", str(before), "--to", str(now), "--fail-on", "retention")
    assert status == 3
    assert "RETENTION bucket Files: encryption, retention or protection changed" in text
    assert "kept   versions kept -> no versions" in text
    assert run("review", "--from", str(before), "--to", str(before)) == (0, "no architectural change\n")


def test_markdown_is_for_a_pull_request(assemblies: tuple[Path, Path], run: Run) -> None:
    _, text = run("review", "--from", str(assemblies[0]), "--to", str(assemblies[1]), "--format", "markdown")
    assert "### Encryption, retention and protection\n\n- bucket Files: encryption" in text
    assert "  ```text\n  kept   versions kept -> no versions\n  ```\n" in text


def test_a_pull_request_has_a_diagram_of_what_sends_to_what(repository: Repository, run: Run) -> None:
    changed = shop()
    properties(changed, "SNS::Subscription")["Endpoint"] = {"Fn::GetAtt": ["Failed1A2B3C4D", "Arn"]}
    repository.write(SNAPSHOT, changed)
    _, text = run("review", "--format", "markdown", folder=repository.folder)
    diagram = text.partition("```mermaid\n")[2].partition("```")[0]
    assert diagram.splitlines() == [
        "flowchart LR",
        '  n0["OrdersTopic"]',
        '  n1["Failed"]',
        '  n2["OrdersQueue"]',
        "  n0 ==>|added| n1",
        "  n0 -.->|removed| n2",
    ]


def test_a_stack_that_is_not_there_is_named_with_those_that_are(assemblies: tuple[Path, Path], run: Run) -> None:
    assert run("card", str(assemblies[0]), "--stack", "Shpo") == (
        1,
        "Error: no stack of the assembly is called Shpo; it has Shop\n",
    )
