"""What the functions of both transports share: the grammar of channels, and the messages that are published to them."""
