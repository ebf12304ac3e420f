"""A demonstration of the price lists: a workflow from the message to the tills, and what fails on the way."""
