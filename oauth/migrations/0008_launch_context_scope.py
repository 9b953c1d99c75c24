"""The catalogue's line for the scope of external EHRs, for databases whose catalogue was written before.

The scope is an address of this site, so that the line is made with the settings of the site that migrates;
`oauth.catalogue.seed` has it follow a site that moves.
"""

from typing import Any

from django.conf import settings
from django.db import migrations


def add_line(apps: Any, schema_editor: Any) -> None:
    """An empty catalogue is left to oauth.catalogue.seed, which writes this line with all others."""
    lines = apps.get_model("oauth", "Scope").objects.using(schema_editor.connection.alias)
    if not lines.exists():
        return
    line = lines.model(
        pattern=f"{settings.SITE_URL}/scopes/launch-context",
        description="Open registered apps for people, with a patient, from another health record system",
        sensitive=True,
    )
    lines.bulk_create([line], ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("oauth", "0007_key_of_tokens_and_tokens_of_sessions")]

    operations = [migrations.RunPython(add_line, migrations.RunPython.noop)]
