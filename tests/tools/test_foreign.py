"""The tool that tries assemblies of other projects: what it finds, which it takes, and what it says of them."""

from pathlib import Path

import pytest

from cdp_constructs.assembly import read_assembly
from tests.assembly.assemblies import QUEUE, AssemblyWriter, template
from tools.foreign.__main__ import OUTCOMES, _spread, answers, assemblies, table
from tools.foreign.conformance import LACKS_FILES, by_support, explained, failures, lacking, short
from tools.foreign.listed import Entry, listed

ASSERTION = template({"Assertion": {"Type": "Custom::DeployAssert@AssertEquals", "Properties": {}}})


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Write what a repository may have: an assembly, one nested in it, one with assertions, and other manifests."""
    whole = AssemblyWriter(tmp_path / "a" / "cdk.out")
    whole.stack("Whole", QUEUE)
    AssemblyWriter(whole.folder / "assembly-Prod", nested_in=whole).stack("Nested", QUEUE)
    asserted = AssemblyWriter(tmp_path / "b" / "integ.queue.js.snapshot")
    asserted.stack("Queue", QUEUE)
    asserted.stack("QueueDefaultTestDeployAssert1234", ASSERTION)
    empty = AssemblyWriter(tmp_path / "c" / "integ.topic.js.snapshot")
    empty.stack("Topic", QUEUE)
    empty.stack("TopicDefaultTestDeployAssert1234", {})
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "manifest.json").write_text('{"name": "a site"}')
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    return tmp_path


def _names(clone: Path, *, assertions: bool) -> list[str]:
    return [str(folder.relative_to(clone)) for folder in assemblies(clone, assertions=assertions)]


def test_assemblies_are_found_and_other_manifests_are_not(clone: Path) -> None:
    assert _names(clone, assertions=False) == ["a/cdk.out", "b/integ.queue.js.snapshot", "c/integ.topic.js.snapshot"]


def test_only_those_that_assert_something_are_a_conformance_suite(clone: Path) -> None:
    assert _names(clone, assertions=True) == ["b/integ.queue.js.snapshot"]


def test_a_sample_is_spread_over_the_whole(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(10)]
    assert [folder.name for folder in _spread(folders, 3)] == ["0", "3", "6"]
    assert _spread(folders, 50) == folders


def test_the_table_has_every_outcome() -> None:
    results = {"a": {"outcome": "deployed"}, "b": {"outcome": "deployed"}, "c": {"outcome": "hung"}}
    rows = table(results, OUTCOMES, "owner/name").splitlines()
    assert rows[0].startswith("3 assemblies of `owner/name` on ")
    assert "| deployed | 2 |" in rows
    assert "| hung | 1 |" in rows
    assert "| crashed | 0 |" in rows


def test_the_table_of_entries_counts_by_kind_and_by_assembly() -> None:
    good, bad = {"to": "A", "kind": "queue", "reason": None}, {"to": "B", "kind": "HTTP", "reason": "status 500"}
    results = {
        "a": {"outcome": "deployed", "entries": [good, bad]},
        "b": {"outcome": "deployed", "entries": [good]},
        "c": {"outcome": "deployed", "entries": []},
        "d": {"outcome": "refused"},
    }
    said = answers(results).splitlines()
    assert said[0].startswith("2 of them have entries")
    assert said[0].endswith("those of 1 answer as expected.")
    assert "| queue | 2 | 2 |" in said
    assert "| HTTP | 1 | 0 |" in said


def test_an_entry_that_expects_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="'Queue' expects nothing"):
        Entry(to="Queue", send="a message")


def test_what_is_listed_can_be_read_and_has_each_kind_of_entry() -> None:
    entries = [entry for each in listed().values() for entry in each]
    assert len(listed()) > 90
    assert any(entry.status for entry in entries)
    assert any(entry.arrives for entry in entries)
    assert any(entry.answer for entry in entries)


def test_assemblies_of_executed_types_come_first(tmp_path: Path) -> None:
    kinds = {"records": "AWS::XRay::Group", "described": "AWS::EC2::VPC", "executed": "AWS::SQS::Queue"}
    folders = []
    for name, kind in kinds.items():
        writer = AssemblyWriter(tmp_path / name)
        writer.stack(name, template({"Only": {"Type": kind, "Properties": {}}}))
        folders.append(writer.folder)
    assert [folder.name for folder in by_support(folders)] == ["executed", "described", "records"]


def test_files_that_were_not_committed_are_named(clone: Path) -> None:
    writer = AssemblyWriter(clone / "d")
    file = clone / "d" / "left-out.txt"
    file.write_text("text")
    writer.stack("Lacking", QUEUE, files=[file])
    [source] = [asset.source for stack in read_assembly(clone / "d") for asset in stack.assets]
    source.unlink()
    assert lacking(clone / "d") == [source.name]
    assert lacking(clone / "b" / "integ.queue.js.snapshot") == []


def test_failures_are_grouped_by_what_was_found_out() -> None:
    known = next(iter(explained()))
    package, _, own = known.partition("/")
    results = {
        f"test/{package}/test/integ.{own}.js.snapshot": {"outcome": "failed"},
        "test/aws-new/test/integ.thing.js.snapshot": {"outcome": "hung"},
        "test/aws-good/test/integ.thing.js.snapshot": {"outcome": "passed"},
        "test/aws-bare/test/integ.thing.js.snapshot": {"outcome": LACKS_FILES},
    }
    rows = failures(results).splitlines()
    assert f"| {explained()[known]} | failed | `{known}` |" in rows
    assert "| not looked into | hung | `aws-new/thing` |" in rows
    assert len(rows) == 4


def test_names_of_integration_tests_are_short() -> None:
    assert short("packages/@aws-cdk/aws-pipes-alpha/test/integ.pipe.js.snapshot") == "aws-pipes-alpha/pipe"
    assert short("a/test/aws-sns/test/integ.sns.js.snapshot") == "aws-sns/sns"
