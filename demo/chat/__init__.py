"""The chat in two Regions of the embedded cloud: a scripted conversation between real clients."""
