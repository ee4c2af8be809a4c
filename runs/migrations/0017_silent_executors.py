from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0016_usage"),
    ]

    operations = [
        migrations.AddField(
            model_name="executor",
            name="is_silent",
            field=models.BooleanField(
                default=False, help_text="that code keeps Python's lock, so its worker reports in its place"
            ),
        ),
    ]
