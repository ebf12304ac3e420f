"""The server's processes: started, guarded, stopped, kept for later."""
