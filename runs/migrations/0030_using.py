from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0029_conditions")]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="cpu_percent",
            field=models.IntegerField(
                null=True, help_text="of one core: what its processes used when that was measured last"
            ),
        ),
        migrations.AddField(
            model_name="attempt",
            name="memory_bytes",
            field=models.BigIntegerField(null=True, help_text="what they had then"),
        ),
    ]
