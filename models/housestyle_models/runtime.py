"""Runs model files on ONNX Runtime, as the engine does. Needs no PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime


def session(path: Path) -> onnxruntime.InferenceSession:
    """Returns a model file ready to run on the CPU provider and one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(path: Path, feeds: dict[str, np.ndarray], outputs: list[str] | None = None) -> dict[str, np.ndarray]:
    """Returns the outputs of one run of a model file, by name."""
    model = session(path)
    names = outputs or [output.name for output in model.get_outputs()]
    return dict(zip(names, model.run(names, feeds), strict=True))
