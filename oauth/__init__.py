"""The authorization server: an extension of django-oauth-toolkit for SMART App Launch 2.2."""
