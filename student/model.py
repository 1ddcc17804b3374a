"""The fast student's forward pass: a request in, its unit vector and 66 raw outputs out (see `student.heads`).

A MiniLM or MPNet encoder with mean pooling and one hidden layer before the parallel heads, run by ONNX Runtime
with 8-bit matrices and 8-bit inputs to them (`student.graph` says how). One request at a time and on one thread:
the same outputs alone or among others, whatever the number of threads. It needs neither torch nor transformers.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions

from editor.errors import UserError
from student import ready
from student.heads import Decoding
from student.packing import CONFIG_FILE, TOKENIZER_FILE
from student.tokens import Tokenizer, prepare

Floats = NDArray[np.float32]

WEIGHTS = Path(__file__).parent / "weights"
ERRORS = 3  # what ONNX Runtime logs: nothing less


class FastModel:
    """A tokenizer, and the encoder with its heads as a session of ONNX Runtime."""

    def __init__(self, folder: Path) -> None:
        try:
            config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
            source = ready.prepare(folder)
            self.tokenizer = Tokenizer(source / TOKENIZER_FILE)
            self._session = InferenceSession(source / ready.GRAPH_FILE, _options(), providers=["CPUExecutionProvider"])
        except UserError:
            raise
        except Exception as error:  # safetensors, tokenizers and ONNX Runtime raise types of their own
            raise UserError(f"The student's weights in {folder} cannot be read: {error}.") from None
        self.name: str = config["name"]
        self.decoding = Decoding.from_dict(config["decoding"])

    def outputs(self, prompt: str) -> NDArray[np.float64]:
        """Raw outputs of one request, (66,)."""
        return self.read(prepare(prompt))[1]

    def read(self, text: str) -> tuple[Floats, NDArray[np.float64]]:
        """Unit vector (width,) and raw outputs (66,) of a prepared request."""
        vector, outputs = self._session.run(["vector", "outputs"], {"ids": np.array([self.tokenizer.ids(text)])})
        return vector[0], outputs[0].astype(np.float64)


def _options() -> SessionOptions:
    """One thread a request, so that the other cores are free for other requests."""
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS
    return options
