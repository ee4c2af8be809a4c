from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0010_lock"),
    ]

    operations = [
        migrations.RenameField(model_name="executor", old_name="heard_at", new_name="heartbeat_at"),
        migrations.AlterField(
            model_name="executor",
            name="heartbeat_at",
            field=models.DateTimeField(
                null=True, help_text="when a web process last wrote that it is connected"
            ),
        ),
    ]
