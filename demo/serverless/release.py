"""A version of a function with a mistake in it, as another assembly of the same stack."""

import hashlib
import json
import re
import shutil
from pathlib import Path

__all__ = ["with_code"]


def with_code(assembly: Path, folder: Path, *, stack: str, function: str, code: str) -> Path:
    """Return a copy of an assembly whose function has another handler, as a synthesis after a change has it.

    Args:
        assembly: The assembly.
        folder: Gets the copy.
        stack: The stack.
        function: What the function's logical id begins with.
        code: What its ``index.py`` is then.
    """
    made = folder / f"release-{hashlib.sha256(code.encode()).hexdigest()[:8]}"
    shutil.copytree(assembly, made)
    resources = json.loads((made / f"{stack}.template.json").read_text())["Resources"]
    (described,) = [
        one["Properties"] for name, one in resources.items() if name.startswith(function) and "Code" in str(one)
    ]
    (version,) = [name for name in resources if re.fullmatch(rf"{function}.*CurrentVersion.*", name)]
    asset = described["Code"]["S3Key"].removesuffix(".zip")
    changed = hashlib.sha256(f"{asset}{code}".encode()).hexdigest()
    # CloudFormation publishes a version when there is one with another name.
    names = {asset: changed, version: f"{version[:-32]}{changed[:32]}"}
    for file in made.glob("*.json"):
        text = file.read_text()
        for before, after in names.items():
            text = text.replace(before, after)
        file.write_text(text)
    place = (made / f"asset.{asset}").rename(made / f"asset.{changed}")
    index = place.joinpath(*described["Handler"].split(".")[:-2], "index.py")
    index.write_text(code)
    return made
