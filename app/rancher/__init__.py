"""The only code that talks to Rancher: the gate's port over HTTP, and calls that pass through as they are."""
