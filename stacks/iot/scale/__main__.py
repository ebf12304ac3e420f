"""``python -m stacks.iot.scale`` prints the tables for a fleet of any size; ``--write`` writes them into the page."""

import argparse
import sys

from stacks.iot.scale.fleet import Fleet
from stacks.iot.scale.page import PAGE, page_with_tables, tables


def main() -> None:
    """Print or write the tables."""
    parser = argparse.ArgumentParser(prog="python -m stacks.iot.scale", description=__doc__)
    parser.add_argument("--devices", type=int, default=Fleet.devices)
    parser.add_argument("--per-minute", type=float, default=Fleet.measurements_per_minute, help="of each device")
    parser.add_argument("--write", action="store_true", help="write the tables of the default fleet into the page")
    options = parser.parse_args()
    if options.write:
        PAGE.write_text(page_with_tables())
        return
    fleet = Fleet(devices=options.devices, measurements_per_minute=options.per_minute)
    sys.stdout.write("\n\n".join(tables(fleet)) + "\n")


if __name__ == "__main__":
    main()
