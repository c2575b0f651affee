"""Where templates are found, and the environments they are rendered in.

A name such as ``post/x.txt`` is looked for in the site's own ``templates/`` first, then in ours, so an
operator overrides one file and inherits the rest. Article text is only ever a *value*: nothing that came
from outside is compiled as a template.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jinja2 import (
    ChoiceLoader,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    select_autoescape,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

import publisher
from publisher.errors import RenderError


@lru_cache(maxsize=1)
def packaged_templates() -> Path:
    """Our own templates: beside the packages in a checkout, inside ``publisher`` in an installed wheel."""
    package = Path(publisher.__file__).parent
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def environment(site: Path | None = None) -> ImmutableSandboxedEnvironment:
    """An environment for ``site``; ``.html`` is escaped, a name that is not given is an error."""
    folders = [packaged_templates()]
    if site is not None:
        folders.insert(0, site / "templates")
    return ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        autoescape=select_autoescape(("html",), default_for_string=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(env: ImmutableSandboxedEnvironment, name: str, values: dict[str, object]) -> str:
    """Render template ``name``.

    :raises RenderError: names the template and, where known, the line.
    """
    try:
        return env.get_template(name).render(values)
    except TemplateSyntaxError as error:
        raise RenderError(f"template {error.filename or error.name or name}:{error.lineno}: {error.message}") from error
    except TemplateError as error:
        raise RenderError(f"template {name}: {error.message or type(error).__name__}") from error
