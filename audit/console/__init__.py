"""The audit trail as staff see it: events, their export, and authorization attempts step by step."""
