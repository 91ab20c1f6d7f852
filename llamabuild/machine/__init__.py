"""What this machine is, what it may use, what it has installed, and how quiet it is."""
