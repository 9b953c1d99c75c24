"""Everyday mistakes of developers and administrators, each made over HTTP, and where it has to end."""
