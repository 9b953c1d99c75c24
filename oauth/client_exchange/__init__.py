"""Clients as files: exported as JSON without secrets, and imported after a preview of what would change."""
