"""Why exactly something was refused: one sentence each, for staff alone, computed from what differs."""
