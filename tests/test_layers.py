"""Dependencies point one way: each room imports only what the layout allows."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODEL_LIBRARIES = {"torch", "transformers", "onnxruntime", "peft", "accelerate", "sentence_transformers"}

# Project modules that each module of the engine may import; the rest of editor/ is free within editor/.
ENGINE = {
    "editor.errors": set(),
    "editor.folders": set(),
    "editor.tools": {"editor.errors"},
    "editor.planner": {"editor.tools"},
    "editor.color": {"editor.errors"},
    "editor.adjust": {"editor.color", "editor.tools"},
    "editor.selective": {"editor.color", "editor.tools"},
    "editor.threads": set(),
    "editor.spatial": {"editor.color", "editor.threads", "editor.tools"},
    "editor.cube": {"editor.errors", "editor.lut"},
    "editor.hald": {"editor.errors", "editor.cube"},
    "editor.lut": {"editor.errors", "editor.threads"},
    "editor.presets": {"editor.errors", "editor.cube", "editor.lut", "editor.tools"},
    "editor.clip": {"editor.errors"},
    "editor.ffmpeg": {"editor.clip"},
    "editor.still": {"editor.clip", "editor.errors", "editor.ffmpeg"},
    "editor.processes": {"editor.errors"},
    "editor.frame_pipe": {"editor.clip", "editor.ffmpeg", "editor.processes"},
    "editor.pipeline": {
        "editor.errors",
        "editor.adjust",
        "editor.color",
        "editor.cube",
        "editor.lut",
        "editor.presets",
        "editor.selective",
        "editor.spatial",
        "editor.tools",
    },
}


def modules(folder: str) -> dict[str, Path]:
    """Dotted name -> file of every module below a top-level folder."""
    files = (ROOT / folder).rglob("*.py")
    return {".".join(f.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): f for f in files}


def imports(path: Path) -> set[str]:
    """Modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def project_imports(path: Path) -> set[str]:
    """Project modules among a file's imports."""
    known = {name for folder in ("editor", "student", "luts") for name in modules(folder)} - {"editor", "student"}
    return imports(path) & known


@pytest.mark.parametrize("module", sorted(ENGINE))
def test_engine_module_imports_only_what_the_layout_allows(module):
    path = modules("editor")[module]
    assert project_imports(path) <= ENGINE[module]


@pytest.mark.parametrize("module", sorted(modules("editor")))
def test_editor_knows_no_model(module):
    path = modules("editor")[module]
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & MODEL_LIBRARIES
    if module != "editor.cli":  # the command line joins the two halves
        assert "student" not in roots


@pytest.mark.parametrize("module", sorted(modules("student")))
def test_student_does_not_import_the_pages(module):
    assert not {name for name in imports(modules("student")[module]) if name.startswith("editor.ui")}


def test_top_level_holds_only_what_the_layout_names():
    allowed = {"app.py", "editor", "luts", "student", "assets", "tests", "requirements.txt", "README.md", "LICENSE"}
    allowed |= {"CHANGELOG.md", "Makefile", "pyproject.toml", ".ci", ".gitignore", ".python-version", "Dockerfile"}
    ignored = (ROOT / ".gitignore").read_text().split()
    found = {p.name for p in ROOT.iterdir() if f"{p.name}/" not in ignored and p.name != ".git"}
    assert found <= allowed
