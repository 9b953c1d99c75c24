"""What was done with a person's record, for that person to read."""
