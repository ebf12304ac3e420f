"""Where tests find modules that Lambda finds in a layer, and the program of a device."""

import sys
from pathlib import Path

ROOT = Path(__file__).parent

sys.path[:0] = map(str, [*ROOT.glob("cdp_constructs/*/layers/*/python"), ROOT / "devices"])
