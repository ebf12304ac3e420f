"""Board D10, the common board: what most boards have in common, with a table that nobody runs."""
