from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0015_executor_runs"),
    ]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="cpu_seconds",
            field=models.FloatField(
                help_text="processor time of its processes, or the time of its steps on a shared event loop",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="attempt",
            name="peak_memory_bytes",
            field=models.BigIntegerField(help_text="the most memory that it has had", null=True),
        ),
    ]
