"""What SMART App Launch asks of a server, and which test proves it: docs/conformance.md is made from here."""
