from __future__ import annotations

from django.db import migrations, models

CAUSES = [
    (cause, cause)
    for cause in (
        "enqueued", "leased", "started", "finished", "retried", "recovered", "signalled", "shutdown", "executor lost",
        "external abort", "cancelled by parent", "parent ended", "root ended", "timeout", "refused to stop",
        "held up by another action", "forced", "reason added", "cache hit",
    )
]  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("runs", "0027_input_digests")]

    operations = [
        migrations.AlterField("abort", "cause", models.CharField(choices=CAUSES, max_length=32)),
        migrations.AlterField("actionevent", "cause", models.CharField(choices=CAUSES, max_length=32)),
    ]
