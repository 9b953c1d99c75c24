"""The patient of a launch context is not watched any more: drop the trigger of databases that have it."""

from typing import Any

from django.db import migrations


def drop(apps: Any, schema_editor: Any) -> None:
    """A trigger belongs to its table on PostgreSQL, and to the database on SQLite."""
    table = " ON launch_launchcontext" if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(f"DROP TRIGGER IF EXISTS standing_launch_launchcontext_update{table}")


class Migration(migrations.Migration):
    dependencies = [("oauth", "0008_launch_context_scope"), ("launch", "0003_made_by")]
    operations = [migrations.RunPython(drop, migrations.RunPython.noop)]
