"""Tests of sign-in, passwords and the people in the admin console."""
