"""The fast student's forward pass in NumPy: a request in, 66 raw outputs out (see `student.heads`).

A MiniLM or MPNet encoder with mean pooling and one hidden layer before the parallel heads. On disk it is whole,
every matrix 8-bit with one scale a row, or an adapter (`student.adapter`); in memory it is float32. Quantised
are the weights alone, never activations. One request at a time, its products in fixed parts: the same outputs
alone or in a batch, whatever the number of threads. It needs neither torch nor transformers.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from editor.errors import UserError
from student import adapter, minilm
from student.heads import Decoding
from student.packing import CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE, read

Floats = NDArray[np.float32]

WEIGHTS = Path(__file__).parent / "weights"


def prepare(prompt: str) -> str:
    """The text the student reads: cut first (so that length costs nothing), then NFKC, white space folded."""
    cut = prompt[: minilm.MAX_CHARACTERS].encode("utf-8", "replace").decode()
    return " ".join(minilm.spell_emoji(unicodedata.normalize("NFKC", cut)).split())


class FastModel(minilm.Encoder):
    """The encoder with the student's own weights, and the heads on top of it."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        try:
            config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
            source = adapter.prepare(folder) if config.get("base") else folder
            self._weights = read(source / WEIGHTS_FILE)
            self._tokenizer = Tokenizer.from_file(str(source / TOKENIZER_FILE))
        except UserError:
            raise
        except Exception as error:  # safetensors and tokenizers raise types of their own
            raise UserError(f"The student's weights in {folder} cannot be read: {error}.") from None
        self.heads, self.layers, self.epsilon = config["heads"], config["layers"], config["epsilon"]
        self.name: str = config["name"]
        self.decoding = Decoding.from_dict(config["decoding"])
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(minilm.MAX_TOKENS)
        self._set_threads()

    def outputs(self, prompt: str) -> NDArray[np.float64]:
        """Raw outputs of one request, (66,)."""
        return self.outputs_of(self.encode(prepare(prompt)))

    def outputs_of(self, vector: Floats) -> NDArray[np.float64]:
        """Raw outputs (66,) of a request's unit vector (width,)."""
        with self._threads.limit(limits=1, user_api="blas"):
            hidden = minilm.gelu(self._linear(vector[None] * np.float32(np.sqrt(vector.size)), "hidden"))
            return self._linear(hidden, "out")[0].astype(np.float64)
