"""The extensions as a whole: what they declare, and what they rely on."""

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cdp_constructs.local.coverage.catalogue import CATALOGUE
from cdp_constructs.local.kit import discovery
from cdp_constructs.local.kit.types import ResourceType
from cdp_constructs.local.process import extensions
from cdp_constructs.local.process.extensions import IncompatibleMiniStackError

ROOT = Path(extensions.__file__).parents[1]
MODULES = [extensions, *discovery.modules()]


def test_the_labels_are_read_without_loading_ministack() -> None:
    program = (
        "import sys; from cdp_constructs.local.coverage.catalogue import CATALOGUE; "
        "from cdp_constructs.local.coverage.labels import LABELS; "
        "print(len(CATALOGUE), any(name.startswith('ministack') for name in sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == [str(len(CATALOGUE)), "False"]


def test_a_type_that_is_created_can_be_deleted() -> None:
    with pytest.raises(ValueError, match="both create and delete"):
        ResourceType(name="AWS::Some::Type", create=lambda _logical_id, _properties, _stack: ("id", {}))


def test_another_ministack_is_one_readable_error(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"ministack.app:_main_loop", "ministack.services.nowhere:_queues", "ministack.services.sqs:_HANDLERS[Nap]"}
    monkeypatch.setattr(discovery, "needs", lambda _module: wanted)
    with pytest.raises(IncompatibleMiniStackError) as failure:
        extensions.install()
    message = str(failure.value)
    assert all(name in message for name in wanted)
    assert "MiniStack 1." in message


def used_names(source: str) -> tuple[set[str], set[str]]:
    """Return the names of MiniStack that a module's code uses through stand-ins, and those that the stand-ins name."""
    tree = ast.parse(source)
    stand_ins = {
        node.target.id: [ast.literal_eval(argument) for argument in node.value.args]
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "ministack.module"
    }
    used = {
        f"ministack.{stand_ins[node.value.id][0]}:{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in stand_ins
    }
    # A few are looked up by a name that stands in the code as text.
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    named = {f"ministack.{module}:{name}" for module, *names in stand_ins.values() for name in names}
    looked_up = {name for name in named if name.rpartition(":")[2] in texts}
    return used | looked_up, named


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.removeprefix("cdp_constructs.local."))
def test_every_private_name_that_is_used_is_checked_at_start_up(module: ModuleType) -> None:
    used, named = used_names(Path(module.__file__ or "").read_text())
    assert {name for name in used if name.rpartition(":")[2].startswith("_")} - named == set()
    assert named - used == set(), "these are checked, and used no more"


def test_only_modules_that_are_asked_what_they_need_use_ministack() -> None:
    asked = {Path(module.__file__ or "") for module in MODULES}
    users = {path for path in ROOT.rglob("*.py") if "ministack.module(" in path.read_text()}
    assert users - asked == set()
