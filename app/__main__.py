"""``python -m app`` is ``status-guard``."""

from app.cli import main

main()
