"""What services agree on: the envelope of events, the events, and how a function works on them."""
