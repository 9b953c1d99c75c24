"""The endpoints of the authorization server, one per module."""
