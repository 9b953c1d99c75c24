"""`manage.py remove_expired_exports`: for a timer, where exports are rare."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from fhir.export.ending import sweep


class Command(BaseCommand):
    """Removes what the next export would remove too."""

    help = "Remove expired bulk exports with their files. Each new export does so as well."

    def handle(self, **options: Any) -> None:
        """Remove them, and say how many there were."""
        self.stdout.write(f"Removed {sweep()} expired exports.")
