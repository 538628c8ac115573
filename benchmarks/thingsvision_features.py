"""Extracts activations with thingsvision, in an environment without any of our code.

The arguments are a folder with `files/` and `weights/weights.safetensors`, the model's name in
open_clip, the batch size, the number of threads and where to save the activations. The last line
printed says how many seconds it took.
"""

# pyright: reportMissingImports=false

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import load_file
from thingsvision import get_extractor_from_model
from thingsvision.utils.data import DataLoader, ImageDataset


def main(folder: str, name: str, batch: str, threads: str, out: str) -> None:
    """Extract and save the activations."""
    torch.set_num_threads(int(threads))
    created: Any = open_clip.create_model_and_transforms(name)
    model, _, preprocess = created
    model.load_state_dict(load_file(Path(folder) / "weights/weights.safetensors"))
    extractor = get_extractor_from_model(
        model=model,
        device="cpu",
        backend="pt",
        forward_fn=lambda self, images: self.model.encode_image(images),
    )
    with torch.no_grad():
        model.encode_image(torch.stack([preprocess(Image.new("RGB", (9, 9)))] * 2))
    start = time.perf_counter()
    dataset = ImageDataset(
        root=f"{folder}/files", out_path=f"{folder}/order", backend="pt", transforms=preprocess
    )
    loader = DataLoader(dataset=dataset, batch_size=int(batch), backend="pt")
    features = extractor.extract_features(
        batches=loader, module_name="visual", flatten_acts=True, output_type="ndarray"
    )
    seconds = time.perf_counter() - start
    np.save(out, features)
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
