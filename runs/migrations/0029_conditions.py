from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("runs", "0028_reason_added")]

    operations = [
        migrations.AddField(
            model_name="action",
            name="comment",
            field=models.TextField(
                blank=True,
                default="",
                help_text="of a condition: what was said with its value, as it was typed",
            ),
        ),
        migrations.AddIndex(
            model_name="action",
            index=models.Index(
                fields=["created_at", "id", "run"], name="action_paused", condition=Q(phase=9)
            ),
        ),
    ]
