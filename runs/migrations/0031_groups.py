from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("runs", "0030_using")]

    operations = [
        migrations.AddIndex(
            model_name="action",
            index=models.Index(
                fields=["run", "parent", "group", "id"], name="action_groups", condition=~Q(group="")
            ),
        ),
    ]
