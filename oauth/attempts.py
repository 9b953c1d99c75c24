"""Authorization attempts, as `audit.attempts` tells of them: launches begin there too."""

from audit.attempts import LENGTH, attempt_of, new_attempt, step

__all__ = ["LENGTH", "attempt_of", "new_attempt", "step"]
