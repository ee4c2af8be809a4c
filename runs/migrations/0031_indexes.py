from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

# Django would copy the whole table for it, on SQLite.
OLD_INDEX = "runs_action_spec_id_3b132839"


class Migration(migrations.Migration):
    dependencies = [("runs", "0030_using")]

    operations = [
        migrations.AddIndex(
            model_name="action",
            index=models.Index(
                fields=["run", "parent", "group", "id"], name="action_groups", condition=~Q(group="")
            ),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    f"DROP INDEX IF EXISTS {OLD_INDEX}", f"CREATE INDEX {OLD_INDEX} ON runs_action (spec_id)"
                )
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="action",
                    name="spec",
                    field=models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="runs.taskspec",
                    ),
                )
            ],
        ),
        migrations.AddIndex(
            model_name="action", index=models.Index(fields=["spec", "id"], name="action_specs")
        ),
    ]
