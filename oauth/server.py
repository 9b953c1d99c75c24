"""oauthlib's server, with our rules in its authorization endpoint."""

from oauthlib.openid import Server


class SmartServer(Server):  # type: ignore[misc]  # oauthlib ships no types
    """oauthlib's OpenID Connect server."""
