"""The HTTP edge: bytes to core values and back."""
