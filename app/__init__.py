"""status-guard keeps controller state in Kubernetes intact."""

__version__ = "0.1.0"
