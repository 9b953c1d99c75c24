"""The catalogue's lines for backend services, for databases whose catalogue was written before there were any."""

from typing import Any

from django.db import migrations

LINES = ("system/*.rs", "system/*.cud")


def add_lines(apps: Any, schema_editor: Any) -> None:
    """An empty catalogue is left to oauth.catalogue.seed, which writes these lines with all others."""
    lines = apps.get_model("oauth", "Scope").objects.using(schema_editor.connection.alias)
    if not lines.exists():
        return
    lines.bulk_create(
        (lines.model(pattern=pattern, sensitive=True) for pattern in LINES), ignore_conflicts=True
    )


class Migration(migrations.Migration):
    dependencies = [("oauth", "0002_client_keys")]

    operations = [migrations.RunPython(add_lines, migrations.RunPython.noop)]
