"""What several of the chat's functions share: its table, rooms, channels and presence."""
