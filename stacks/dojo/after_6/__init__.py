"""Board D2, After 6: a chat on one server, which is made anew from its image."""
