"""Lambda: code that stands in a template.

It is in a file `index`, whatever the handler is called, and has the module beside it by which it answers as a custom
resource. MiniStack names the file after the handler, and has no such module.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/cfn-lambda-function-code-cfnresponsemodule.html
"""

import io
import zipfile
from collections.abc import Callable
from importlib import resources
from typing import Any

from cdp_constructs.local.kit.patch import patch

_FILES = {True: ("index.js", "cfn-response.js", "node_modules/"), False: ("index.py", "cfnresponse.py", "")}


@patch("ministack.services.cloudformation.provisioners:_zip_inline")
def _package(_original: Callable[..., Any], source: str | None, _handler: str, runtime: str = "") -> bytes | None:
    if not source:
        return None
    name, module, folder = _FILES[runtime.startswith("nodejs")]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, source)
        archive.writestr(
            f"{folder}{module}", resources.files(__package__).joinpath("modules", module).read_text(encoding="utf-8")
        )
    return package.getvalue()
