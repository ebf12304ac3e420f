"""Boards of the chat dojo: one small chat application in containers, and a thin stack for each board around it."""
