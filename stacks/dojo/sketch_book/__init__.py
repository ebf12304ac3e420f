"""Board D8, Sketch Book!!: servers in North America and Tokyo, all of their data in North America."""
