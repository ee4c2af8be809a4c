from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0017_silent_executors"),
    ]

    operations = [
        migrations.AddField(
            model_name="action",
            name="code_ended_at",
            field=models.DateTimeField(help_text="since when only that goes on", null=True),
        ),
        migrations.AddField(
            model_name="action",
            name="goes_on",
            field=models.CharField(
                blank=True, help_text="what it has started and its end waits for, as a clause", max_length=300
            ),
        ),
        migrations.AddField(
            model_name="pool",
            name="slow_start",
            field=models.CharField(
                blank=True,
                help_text="why its modules are not imported before an executor is forked",
                max_length=500,
            ),
        ),
        migrations.AlterField(
            model_name="abort",
            name="cause",
            field=models.CharField(
                choices=[
                    ("enqueued", "enqueued"),
                    ("leased", "leased"),
                    ("started", "started"),
                    ("finished", "finished"),
                    ("retried", "retried"),
                    ("recovered", "recovered"),
                    ("signalled", "signalled"),
                    ("shutdown", "shutdown"),
                    ("executor lost", "executor lost"),
                    ("external abort", "external abort"),
                    ("cancelled by parent", "cancelled by parent"),
                    ("parent ended", "parent ended"),
                    ("root ended", "root ended"),
                    ("timeout", "timeout"),
                    ("refused to stop", "refused to stop"),
                    ("held up by another action", "held up by another action"),
                    ("forced", "forced"),
                    ("cache hit", "cache hit"),
                ],
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="action",
            name="stuck_in",
            field=models.TextField(
                blank=True,
                help_text="the stack in which it refuses to stop, or of what goes on after its code",
            ),
        ),
        migrations.AlterField(
            model_name="actionevent",
            name="cause",
            field=models.CharField(
                choices=[
                    ("enqueued", "enqueued"),
                    ("leased", "leased"),
                    ("started", "started"),
                    ("finished", "finished"),
                    ("retried", "retried"),
                    ("recovered", "recovered"),
                    ("signalled", "signalled"),
                    ("shutdown", "shutdown"),
                    ("executor lost", "executor lost"),
                    ("external abort", "external abort"),
                    ("cancelled by parent", "cancelled by parent"),
                    ("parent ended", "parent ended"),
                    ("root ended", "root ended"),
                    ("timeout", "timeout"),
                    ("refused to stop", "refused to stop"),
                    ("held up by another action", "held up by another action"),
                    ("forced", "forced"),
                    ("cache hit", "cache hit"),
                ],
                max_length=32,
            ),
        ),
    ]
