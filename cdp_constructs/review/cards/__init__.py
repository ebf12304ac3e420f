"""Architecture cards: what a stack is made of, who may do what, and where data and failures go, in plain text."""
