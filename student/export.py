"""From a training run to the weights that ship: 8-bit matrices, decoding constants, neighbours, figures.

`python -m student.export RUN` writes `student/weights/`. Everything is chosen and reported on validation
with the exported files themselves, after quantisation.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from editor.tools import TOOLS
from student import heads, metrics, tuning
from student.dataset import Row, filed, load
from student.distil import load_run
from student.heads import Decoding
from student.model import WEIGHTS, FastModel
from student.network import Texts, calibration_texts, export, round_to_adapter, save_tensors, vectors
from student.packing import CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE
from student.recorded import Index, Recorded
from student.tokens import prepare
from student.train import RUNS


def write_weights(run: Path, folder: Path, twin: Path | None = None) -> dict[str, Any]:
    """Write a run's weights into `folder`; returns validation scores of what was written.

    Decoding constants are fitted on validation, or taken over from the weights folder `twin`: that of a run
    which has not learnt from the validation rows.
    """
    from transformers import AutoConfig

    options = json.loads((run / "config.json").read_text(encoding="utf-8"))
    encoder = AutoConfig.from_pretrained(options["base"])
    folder.mkdir(parents=True, exist_ok=True)
    base = Path(options["base"]) if encoder.model_type == "mpnet" else None
    recorded, network = filed(), load_run(run)[0]
    if base and not options.get("round"):
        round_to_adapter(network, base, calibration_texts(options["base"], recorded))
    save_tensors(export(network, base), folder / WEIGHTS_FILE)
    if not base:
        shutil.copyfile(Path(options["base"]) / TOKENIZER_FILE, folder / TOKENIZER_FILE)
    config = {
        "name": options["name"],
        **({"base": "mpnet"} if base else {}),
        "heads": encoder.num_attention_heads,
        "layers": encoder.num_hidden_layers,
        "epsilon": encoder.layer_norm_eps,
        "decoding": asdict(Decoding()),
    }
    _write_config(folder, config)
    model = FastModel(folder)
    index = Index.of(recorded, lambda texts: vectors(network, Texts(options["base"], texts)))
    index.save(folder)
    rows = load("validation")
    held_out = {row.intent for row in rows}
    known = index.keeping(np.array([row.intent not in held_out for row in recorded]))
    outputs = answers(model, Recorded(known, []), rows)
    teacher = metrics.Vectors.of([row.edit for row in rows])
    decoding = FastModel(twin).decoding if twin else tuning.fit(outputs, teacher)
    _write_config(folder, config | {"decoding": asdict(decoding)})
    return report(outputs, teacher, decoding)


def answers(model: FastModel, recorded: Recorded, rows: Sequence[Row]) -> NDArray[np.float64]:
    """Raw outputs (n, 66) as the planner decodes them."""
    outputs = []
    for row in rows:
        vector, own = model.read(prepare(row.intent))
        outputs.append(recorded.mixed(own, recorded.closest(vector)))
    return np.stack(outputs)


def _write_config(folder: Path, config: dict[str, Any]) -> None:
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def report(outputs: NDArray[np.float64], teacher: metrics.Vectors, decoding: Decoding) -> dict[str, Any]:
    """Scores of the decoded outputs and the expected calibration error of each tool's confidence."""
    student = metrics.Vectors.of([heads.decode(row, decoding) for row in outputs])
    outcomes = metrics.compare(teacher, student)
    scores = metrics.score(outcomes, resamples=0)
    sure = [heads.confidence(row, decoding) for row in outputs]
    right = metrics.right(outcomes)
    for i, tool in enumerate(TOOLS):
        confidence = np.array([c[tool] for c in sure])
        scores[tool]["calibration_error"] = metrics.calibration_error(confidence, right[:, i])
    return scores


def main(arguments: Sequence[str] | None = None) -> None:
    """Export a run and print its validation scores as JSON."""
    parser = argparse.ArgumentParser(prog="python -m student.export", description="Write a run's weights to ship.")
    parser.add_argument("run", help="name of the run under student/runs, or its folder")
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="where to write")
    parser.add_argument("--twin", type=Path, help="weights folder to take the decoding constants from (see --all-rows)")
    options = parser.parse_args(arguments)
    run = RUNS / options.run if (RUNS / options.run).exists() else Path(options.run)
    print(json.dumps(write_weights(run, options.folder, options.twin)))


if __name__ == "__main__":
    main()
