"""Tests of the portal and of launches."""
