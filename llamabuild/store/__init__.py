"""What lasts: folders, locks, the build store and the results database."""
