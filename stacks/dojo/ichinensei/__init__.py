"""Board D7, Ichinensei."""
