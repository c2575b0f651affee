"""``python -m publisher.mail``: the options of transports, mailboxes and providers, as rows for docs/settings.md."""

from publisher.mail.check import describe_mail

for key, default, description in describe_mail():
    shown = default if default == "required" else f"`{default}`"
    print(f"| `{key}` | {shown} | {description} |")
