"""Old names of settings: they keep working, with one warning line that says the new name.

::

    publication.toml ─→ raw tables ─→ rename() ─→ tables with today's names ─→ Settings
                                        └→ a line each for the log
"""

from __future__ import annotations

#: Old key → new key, each as ``table.key``; both sides are plain tables.
RENAMED: dict[str, str] = {
    "websub.allow_addresses": "net.allow_private",
    "feedback.ses_topics": "feedback.ses.topics",
    "feedback.mailgun_key": "feedback.mailgun.key",
    "feedback.postmark_username": "feedback.postmark.username",
    "feedback.postmark_password": "feedback.postmark.password",
    "feedback.sendgrid_key": "feedback.sendgrid.key",
}


def rename(raw: dict[str, object], renamed: dict[str, str] = RENAMED) -> list[str]:
    """Move every old key to its new place, in ``raw`` itself; returns a warning line for each.

    A new key that is set too wins, and the line says so.
    """
    warnings = []
    for old, new in renamed.items():
        *path, key = old.split(".")
        table = _table(raw, path)
        if table is None or key not in table:
            continue
        value = table.pop(key)
        *path, name = new.split(".")
        target = _table(raw, path, make=True)
        if target is None:
            continue
        if name in target:
            warnings.append(f"{old} is called {new} now, and {new} is set too: {old} is ignored; remove it")
            continue
        target[name] = value
        warnings.append(f"{old} is called {new} now; the old name still works, write the new one")
    return warnings


def _table(raw: dict[str, object], path: list[str], *, make: bool = False) -> dict[str, object] | None:
    for part in path:
        if make:
            raw.setdefault(part, {})
        found = raw.get(part)
        if not isinstance(found, dict):
            return None
        raw = found
    return raw
