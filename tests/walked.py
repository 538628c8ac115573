"""The studies whose every leaf is changed: that of params.yaml, and one of all real sources."""

from typing import Any

import yaml

from tests.legal import Changes, changed
from tests.reads import ROOT

REAL = ROOT / "tests/pipeline/real.yaml"
DIGEST = "b" * 64
MORE: Changes = {
    "datasets.imagenet_r.hub.files": "test/*.tar",
    "weights.vit_tiny.revision": "main",
    "weights.vit_b_32_laion2b.revision": "main",
    "weights.vit_s_checkpoint.sha256": DIGEST,
    "pretrain.vit_s_captions.schedule": {"kind": "drops", "epochs": [1], "factor": 0.1},
    "finetune.rn50_openai_finetuned.schedule": {"kind": "drops", "epochs": [1], "factor": 0.1},
    "weights.by_url": {
        "source": "checkpoint",
        "backbone": "vit_s",
        "url": "http://host/x.pt",
        "sha256": DIGEST,
    },
    "encoders.by_url": {
        "label": "by URL",
        "training": "zero_shot",
        "backbone": "vit_s",
        "data": "own",
        "head": "zero_shot",
    },
}
"""What real.yaml has no example of, and a checksum."""


def real_study() -> dict[str, Any]:
    """Return real.yaml with addresses in place of its marks, and with MORE."""
    study = yaml.safe_load(REAL.read_text())
    for entry in study["datasets"].values():
        if "archive" in entry:
            entry["archive"] = [{"url": "http://host/x.tar", "sha256": DIGEST}]
    return changed(study, MORE)


STUDIES = {
    "drawn": lambda: yaml.safe_load((ROOT / "params.yaml").read_text()),
    "real": real_study,
}
