"""How this library makes a function, a queue, a bucket, an alarm: once, for every pattern."""
