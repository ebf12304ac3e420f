"""``cdp-device settings.json``: runs a device until it is stopped."""

import argparse
import asyncio
import contextlib
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from cdp_device.device import Device
from cdp_device.sensors import Hardware, Hygrometer, SimulatedChair, SimulatedHygrometer
from cdp_device.session import RejectedError
from cdp_device.settings import Settings

HARDWARE = {"hygrometer": Hygrometer, "simulated-hygrometer": SimulatedHygrometer, "simulated-chair": SimulatedChair}


async def _run(settings: Settings, hardware: Hardware) -> None:
    await Device(settings, hardware).run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a device and return the exit code: 1 when it is refused an identity, 2 for wrong settings."""
    parser = argparse.ArgumentParser(prog="cdp-device", description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON file with the device's settings")
    parser.add_argument("--hardware", choices=sorted(HARDWARE), default="hygrometer", help="the sensors of the device")
    parsed = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = Settings.read(parsed.settings)
    except (OSError, ValidationError) as error:
        parser.exit(2, f"cdp-device: {parsed.settings}: {error}\n")
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_run(settings, HARDWARE[parsed.hardware]()))
    except RejectedError as error:
        parser.exit(1, f"cdp-device: refused: {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
