"""``python -m stacks.iot.scale`` writes the tables into the page."""

from stacks.iot.scale.page import PAGE, page_with_tables

if __name__ == "__main__":
    PAGE.write_text(page_with_tables())
