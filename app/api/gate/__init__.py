"""The gate's HTTP edge: what is held, what passes, and how a caller hears what became of an install."""
