"""The boards of the dojo on the embedded cloud: twelve people talk, and servers, databases and zones fail."""
