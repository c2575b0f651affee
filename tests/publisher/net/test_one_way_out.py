"""Every outgoing HTTP request is made by publisher.net."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import publisher

ROOT = Path(publisher.__file__).parents[1]
OUTSIDE = [
    path
    for package in ("publisher", "feeds", "worker")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "net" not in path.relative_to(ROOT).parts
]
#: Whatever makes a connection for HTTP by itself.
CLIENTS = {"Client", "AsyncClient", "HTTPTransport", "AsyncHTTPTransport", "get", "post", "request", "stream"}
MODULES = {"urllib.request", "http.client", "httpcore", "h11", "requests", "aiohttp", "urllib3"}


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_module_makes_an_http_client(path: Path) -> None:
    # A server speaks HTTP too: h11 alone, which opens no connection.
    allowed = {"h11"} if path.is_relative_to(ROOT / "publisher" / "web" / "serving") else set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLIENTS:
            assert not (isinstance(node.func.value, ast.Name) and node.func.value.id == "httpx"), node.lineno
        if isinstance(node, ast.Import):
            assert not {name.name for name in node.names} & (MODULES - allowed)
        if isinstance(node, ast.ImportFrom):
            assert node.module not in MODULES - allowed
            assert node.module != "httpx" or not {name.name for name in node.names} & CLIENTS
