"""A topic, a queue and a function, twice: bare, and as a fan-out of this library."""
