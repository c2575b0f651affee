"""``python -m publisher.settings``: every setting as the rows of the table in docs/settings.md."""

from publisher.settings import describe_settings

for key, default, description in describe_settings():
    shown = default if default == "required" else f"`{default}`"
    print(f"| `{key}` | {shown} | {description} |".replace("||", "|"))
