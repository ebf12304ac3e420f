"""The chat: one service in two or more Regions."""
