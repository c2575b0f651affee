"""``masthead init``: a new site directory from ``templates/site/``."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from publisher.errors import SiteError
from publisher.lib.text import one_line
from publisher.rendering.templates import packaged_templates


def create_site(directory: Path, *, title: str = "") -> list[Path]:
    """Write a commented ``publication.toml`` and two sample articles into ``directory``; return what was made.

    :raises SiteError: the directory holds something already, or cannot be written.
    """
    template = packaged_templates() / "site"
    title = one_line(title) or directory.resolve().name.replace("-", " ").replace("_", " ").title() or "My publication"
    zone = _zone_of_this_machine()
    values = {
        "@TITLE@": title.replace("\\", "\\\\").replace('"', '\\"'),
        "@BASE_URL@": "http://127.0.0.1:8000",
        "@ID@": f"urn:uuid:{uuid.uuid4()}",
        "@LANGUAGE@": "en",
        "@TIMEZONE@": zone,
        # Today as that zone has it: an article dated tomorrow would wait.
        "@DATE@": datetime.now(ZoneInfo(zone)).date().isoformat(),
    }
    made = []
    try:
        if directory.exists() and any(directory.iterdir()):
            raise SiteError(f"{directory} is not empty; choose a new directory")
        for source in sorted(path for path in template.rglob("*") if path.is_file()):
            target = directory / source.relative_to(template)
            text = source.read_text(encoding="utf-8")
            for mark, value in values.items():
                text = text.replace(mark, value)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            made.append(target)
    except OSError as error:
        raise SiteError(f"{directory} cannot be written: {error.strerror}") from None
    return made


def _zone_of_this_machine() -> str:
    """The IANA name of the machine's zone; UTC where it has none."""
    try:
        name = str(Path("/etc/localtime").readlink()).partition("zoneinfo/")[2]
        ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return "UTC"
    return name
