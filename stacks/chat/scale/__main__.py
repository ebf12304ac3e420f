"""``python -m stacks.chat.scale`` prints the tables for any number of people; ``--write`` writes them into the page."""

import argparse
import sys

from stacks.chat.scale.crowd import Crowd
from stacks.chat.scale.page import PAGE, page_with_tables, tables


def main() -> None:
    """Print or write the tables."""
    parser = argparse.ArgumentParser(prog="python -m stacks.chat.scale", description=__doc__)
    parser.add_argument("--people", type=int, default=Crowd.people)
    parser.add_argument("--messages", type=float, default=Crowd.messages_a_day, help="a day, of each")
    parser.add_argument("--minutes", type=float, default=Crowd.open_minutes_a_day, help="a day with an open room")
    parser.add_argument("--write", action="store_true", help="write the tables of the default crowd into the page")
    options = parser.parse_args()
    if options.write:
        PAGE.write_text(page_with_tables())
        return
    crowd = Crowd(people=options.people, messages_a_day=options.messages, open_minutes_a_day=options.minutes)
    sys.stdout.write("\n\n".join(tables(crowd)) + "\n")


if __name__ == "__main__":
    main()
