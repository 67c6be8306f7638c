"""Write the weights of a model as fAIr takes them: ``checkpoint.pt`` and ``model.onnx``."""

import importlib
import sys
from pathlib import Path

from roadex.models.modelfile import load_model

sys.path.insert(0, str(Path(__file__).parent))


def write_weights(name: str, folder: Path) -> None:
    """Write both files of a model, by name or path, into a folder."""
    pipeline = importlib.import_module("models.roadex.pipeline")
    model = load_model(name)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = pipeline.save_checkpoint(model.network, model.metadata)
    (folder / "checkpoint.pt").write_bytes(checkpoint)
    (folder / "model.onnx").write_bytes(pipeline.make_onnx(model.network, model.metadata))


if __name__ == "__main__":
    write_weights(sys.argv[1], Path(sys.argv[2]))
