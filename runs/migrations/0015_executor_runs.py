from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.models import Q


def serve_what_they_hold(apps: Any, schema_editor: Any) -> None:
    """Executors that outlive the upgrade serve the runs of which they hold something."""
    del schema_editor
    live = apps.get_model("runs", "Action").objects.filter(ended_at=None, executor__isnull=False)
    serves = apps.get_model("runs", "Executor").runs.through
    serves.objects.bulk_create([
        serves(executor_id=executor_id, run_id=run_id)
        for executor_id, run_id in live.values_list("executor_id", "run_id").distinct()
    ])  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0014_manners"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="action",
            name="action_queue",
        ),
        migrations.AddField(
            model_name="executor",
            name="runs",
            field=models.ManyToManyField(
                help_text="whose actions it takes; those that have ended stay listed",
                related_name="executors",
                to="runs.run",
            ),
        ),
        migrations.AddIndex(
            model_name="action",
            index=models.Index(
                condition=Q(phase=1), fields=["pool", "run", "queued_at", "id"], name="action_queue"
            ),
        ),
        migrations.RunPython(serve_what_they_hold, migrations.RunPython.noop),
    ]
