"""What every test gets: its own user folder, a clean environment, no network, no telemetry."""

import os
from pathlib import Path

# Before anything imports gradio or a model library.
os.environ.update(
    HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False", TOKENIZERS_PARALLELISM="false"
)
for _name in [n for n in os.environ if n.startswith(("VIBEGRADE_", "OPENAI_", "GRADIO_SERVER_"))]:
    del os.environ[_name]
for _name in ("DATABASE_URL", "HOST", "PORT", "MAX_UPLOAD_MB"):
    os.environ.pop(_name, None)

import numpy as np  # noqa: E402
import pytest  # noqa: E402

from editor.folders import cache_folder  # noqa: E402
from editor.image import Picture  # noqa: E402
from tests.databases import database_url, engine, postgres_server, postgres_url, store  # noqa: E402, F401
from tests.endpoint import replay  # noqa: E402, F401

# What `make` has made ready; without it each test would take half a minute to do so.
READY = list((cache_folder() / "students").glob("*"))

EXTERNAL = Path(__file__).parents[2] / "shared" / "external"


@pytest.fixture(autouse=True)
def user_home(tmp_path_factory, monkeypatch):
    """A user folder (data and cache) of this test alone."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("VIBEGRADE_HOME", str(home))
    (home / "cache" / "students").mkdir(parents=True)
    for student in READY:
        (home / "cache" / "students" / student.name).symlink_to(student)
    return home


@pytest.fixture(scope="session")
def external():
    """The folder of foreign test files."""
    if not EXTERNAL.is_dir():
        pytest.skip("the foreign test files (../shared/external) are not here")
    return EXTERNAL


@pytest.fixture
def photo():
    """A small photo-like picture: smooth gradients with some grain, uint8."""
    y, x = np.mgrid[0:60, 0:90] / [[[60]], [[90]]]
    rgb = np.stack([x, y, 1 - x * y], axis=-1) + np.random.default_rng(7).normal(0, 0.02, (60, 90, 3))
    return Picture(np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8), name="photo.jpg")
