"""`make bench`: how fast the server is, as in production and with everything on, beside what is possible."""
