from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0026_declared")]

    operations = [
        migrations.AddField(
            model_name="action",
            name="input_digest",
            field=models.TextField(
                blank=True,
                default="",
                help_text="its simple inputs, as runs/domain/inputs/digests.py makes them",
            ),
        ),
        migrations.AddField(
            model_name="action",
            name="child_inputs",
            field=models.TextField(
                blank=True,
                default="",
                help_text="what tells its children apart: runs/domain/inputs/siblings.py",
            ),
        ),
    ]
