"""Codes and tokens: given, exchanged, alive or ended, and what they let their holders do."""
