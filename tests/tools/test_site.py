"""The pages that the site makes: every public name, with every option, and every pattern by its problem."""

import importlib
import inspect
import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser
from properdocs import replacement  # noqa: F401  # lets the theme's plugins find the builder, as its command does
from properdocs.commands.build import build
from properdocs.config import load_config

import cdp_constructs
from tools.patterns import exports, patterns
from tools.site_pages import hooks, problems, reference
from tools.site_pages.docstrings import markdown, option_texts

ROOT = Path(__file__).parents[2]
PAGES = reference.pages()
TEXT = "\n".join(PAGES.values())


def _of(name: str) -> str:
    """Return the part of the reference about a name."""
    return TEXT.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def test_every_public_name_stands_once() -> None:
    names = [export.name for export in exports()]
    for package in ("local", "testing"):
        names += importlib.import_module(f"cdp_constructs.{package}").__all__
    assert sorted(re.findall(r"^## (.+)$", TEXT, re.MULTILINE)) == sorted(names)
    listed = re.findall(r"\[`(\w+)`\]", PAGES["reference/index.md"])
    assert sorted(listed) == sorted(names)


@pytest.mark.parametrize("name", [pattern.name for pattern in patterns()])
def test_every_option_of_a_pattern_is_in_its_signature_and_explained(name: str) -> None:
    part = _of(name)
    _, *options = inspect.signature(getattr(cdp_constructs, name).__init__).parameters
    assert options[:2] == ["scope", "construct_id"]
    for option in options:
        assert re.search(rf"^    {option}: ", part, re.MULTILINE), option
        assert re.search(rf"^- `{option}`: \S", part, re.MULTILINE), option


def test_methods_attributes_and_where_to_import_from() -> None:
    part = _of("SnsSqsFanout")
    assert "from cdp_constructs import SnsSqsFanout" in part
    assert "### SnsSqsFanout.add_subscriber" in part
    assert "- `topic`: `sns.ITopic`. The topic to publish to." in part
    assert "_quotas" not in part
    assert "from cdp_constructs.testing import architecture" in _of("architecture")


def test_nothing_is_left_of_the_marks_of_docstrings() -> None:
    outside = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    assert "``" not in outside
    assert not re.search(r"^(Args|Returns|Raises|Yields):$", outside, re.MULTILINE)


def test_a_docstring_becomes_markdown() -> None:
    text = """Does ``this``, such as::

        do(1)

    Args:
        one: A number, from
            1 to 9.
        other: None.

    Raises:
        ValueError: for others.
    """
    assert markdown(text) == (
        "Does `this`, such as:\n\n```python\ndo(1)\n```\n\n\n**Options**\n\n- `one`: A number, from 1 to 9.\n"
        "- `other`: None.\n\n**Errors**\n\n- `ValueError`: for others."
    )
    assert option_texts(text) == {"one": "A number, from 1 to 9.", "other": "None."}


def test_the_only_entry_of_a_section_may_have_several_lines() -> None:
    text = """Does this.

    Raises:
        ValueError: for a number
            below 1.
    """
    assert markdown(text).endswith("**Errors**\n\n- `ValueError`: for a number below 1.")


def test_options_of_a_constructor_are_a_list_whatever_else_its_docstring_has() -> None:
    assert "\n- `option`: The option's name as the caller wrote it.\n" in _of("InvalidOptionError")
    assert not re.search(r"^(- )?[a-z]\w*: ", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL), re.MULTILINE)


def test_every_pattern_stands_at_its_problem() -> None:
    rows = re.findall(r"^\| (.+) \| \[`(\w+)`\]\(patterns/(.+)\) \|$", problems.page(), re.MULTILINE)
    assert sorted((name, page) for _, name, page in rows) == sorted((one.name, one.page) for one in patterns())
    [fanout] = [problem for problem, name, _ in rows if name == "SnsSqsFanout"]
    assert fanout.startswith("A shop that takes an order must archive it")
    links = re.findall(r"\]\((.+?)\)", problems.page())
    assert [link for link in links if not (ROOT / "docs" / link).is_file()] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a site of two pages, one with a diagram, built as the whole one is."""
    docs, built = tmp_path_factory.mktemp("docs"), tmp_path_factory.mktemp("site")
    (docs / "patterns").mkdir()
    (docs / "index.md").write_text("# Start\n\nNo diagram, and `code`.\n")
    (docs / "patterns/one.md").write_text("# One\n\n```mermaid\nflowchart LR\n  a[topic] --> b[queue]\n```\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(problems, "page", lambda: "# By problem\n")
        patched.setattr(reference, "pages", dict)
        nav = [{"Home": "index.md"}, {"One": "patterns/one.md"}, {"By problem": problems.PAGE}]
        config = load_config(str(ROOT / "properdocs.yml"), docs_dir=str(docs), site_dir=str(built), nav=nav)
        config.plugins.on_startup(command="build", dirty=False)
        build(config)
    return built


_ASKED_AT_ONCE = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")


def test_the_site_draws_diagrams_with_its_own_mermaid(site: Path) -> None:
    page = (site / "patterns/one/index.html").read_text()
    assert '<script src="../../assets/mermaid.js" defer></script></head>' in page
    assert 'globalThis["mermaid"]' in (site / hooks.DIAGRAMS).read_text()[-200:]
    assert hooks.DIAGRAMS not in (site / "index.html").read_text(), "a page without a diagram does not load it"
    pages = list(site.rglob("*.html"))
    assert len(pages) >= 3
    assert [(path.name, found) for path in pages for found in _ASKED_AT_ONCE.findall(path.read_text())] == []


@pytest.mark.browser
def test_a_browser_asks_no_other_host_for_the_site(site: Path, chromium: Browser) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, chromium.new_page() as page:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            address = f"http://127.0.0.1:{server.server_port}"
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            for path in ("/", "/patterns/one/"):
                page.goto(address + path)
            # The theme puts what is drawn into a closed shadow root, in place of the text.
            page.wait_for_selector("div.mermaid")
            page.wait_for_load_state("networkidle")
        finally:
            server.shutdown()
    assert f"{address}/{hooks.DIAGRAMS}" in asked
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def test_start_here_has_the_same_commands_in_both_languages() -> None:
    english, japanese = (
        re.findall(r"```console\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
        for page in ("start.md", "ja/start.md")
    )
    assert english
    assert english == japanese


def test_every_target_that_the_readme_names_is_there() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert named
    assert {first or second for first, second in named} <= set(targets)
