"""The documents say what the program does: parameters, commands, files and links."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from editor.tools import Adjust, limits

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = [p for p in ROOT.rglob("*.md") if not {".venv", "runs", "node_modules"} & set(p.relative_to(ROOT).parts)]


def parameter_row(name: str) -> str:
    """The README's line of an Adjust parameter, as the models say it."""
    field = Adjust.model_fields[name]
    low, high = limits(name)
    unit = " °" if name == "hue" else ""
    return f"| `{name}` | {low:.0f}..{high:.0f}{unit} | 0 | {field.description} |".replace("-", "−")


@pytest.mark.parametrize("name", Adjust.model_fields)
def test_every_parameter_is_documented_as_the_models_say(name):
    assert parameter_row(name) in README


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"run", "test", "check", "bench", "luts"} <= named <= targets


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python -m ([a-z_.]+)", README))))
def test_every_command_of_the_readme_is_a_module(module):
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.submodule_search_locations is None or importlib.util.find_spec(f"{module}.__main__")


def test_every_option_of_the_readme_exists():
    import typer

    from editor.cli import app

    options = {name for parameter in typer.main.get_command(app).params for name in parameter.opts}
    block = README.split("## The command line")[1].split("## ")[0]
    lines = [line for line in re.findall(r"^python -m editor .*$", block, re.MULTILINE) if " cube " not in line]
    used = {word for line in lines for word in shlex.split(line, comments=True) if word.startswith("--")}
    assert used
    assert used <= options


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document):
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", document.read_text("utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_project_speaks_of_itself_alone():
    files = [p for p in ROOT.rglob("*") if p.suffix in {".py", ".md", ".css", ".js", ".html", ".toml", ".txt", ".sh"}]
    ours = [p for p in files if not {".venv", "runs"} & set(p.relative_to(ROOT).parts) and p != Path(__file__)]
    assert [str(p) for p in ours if re.search(r"/work/|/tmp/bases|\.library\b", p.read_text("utf-8"))] == []
