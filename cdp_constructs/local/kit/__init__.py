"""What the emulated services are made with: access to MiniStack, resource types as data, administration over HTTP."""
