from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0025_secrets")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="max_actions",
            field=models.IntegerField(
                default=0, help_text="how many of its actions may run at a time; 0 is unlimited"
            ),
        ),
        migrations.AlterField(
            model_name="action",
            name="detail",
            field=models.BinaryField(
                default=b"",
                help_text="the TraceAction or ConditionAction message; of a task what its parent said beside its spec",
            ),
        ),
    ]
