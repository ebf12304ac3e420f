"""Where tests find modules that Lambda finds in a layer, and the program of a device; and what they do not inherit."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent

sys.path[:0] = map(str, [*ROOT.glob("cdp_constructs/*/layers/*/python"), ROOT / "devices"])

# Accounts and Regions of whoever runs the tests are nothing to them, and no proxy leads to what runs on this machine.
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]
_LOCAL = "127.0.0.1,localhost,.localhost"
os.environ |= {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    **{name: ",".join(filter(None, [os.environ.get(name), _LOCAL])) for name in ("NO_PROXY", "no_proxy")},
}
