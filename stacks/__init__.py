"""Reference systems: they combine patterns and hold no resource logic of their own."""
