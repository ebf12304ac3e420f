"""Building blocks of the emulated services: access to MiniStack, patches, resource types as data, administration."""
