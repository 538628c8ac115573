"""Heads and accuracies are those of clip_benchmark, on the same weights and images."""

import numpy as np
import torch
from clip_benchmark.metrics import zeroshot_classification as benchmark
from open_clip import IMAGENET_CLASSNAMES, get_tokenizer

from interpreting_clip.arrays.head import Head
from interpreting_clip.encoders.encoder import Encoder
from interpreting_clip.encoders.heads import prompt_templates, zero_shot_head
from interpreting_clip.loading.preprocess import to_tower
from interpreting_clip.statistics.predictions import correct_predictions
from interpreting_clip.statistics.random_numbers import random_unit_rows
from tests.unit.encoders.conftest import activations

CLASSES = list(IMAGENET_CLASSNAMES[:40:4])


def benchmark_head(encoder: Encoder, classes: list[str], templates: list[str]) -> torch.Tensor:
    """Return the head as clip_benchmark makes it, a column per class."""
    written = [template.replace("{}", "{c}") for template in templates]
    module, tokenizer = encoder.module.eval(), get_tokenizer("ViT-B-32")
    return benchmark.zero_shot_classifier(module, tokenizer, classes, written, "cpu", amp=False)


def test_heads_agree(tiny_clip):
    head = zero_shot_head(tiny_clip, CLASSES, "openai_imagenet")
    expected = benchmark_head(tiny_clip, CLASSES, prompt_templates("openai_imagenet"))
    np.testing.assert_allclose(head, expected.T, atol=1e-6)


def test_logits_and_accuracies_agree(tiny_clip):
    encoder, random = tiny_clip, np.random.default_rng(0)
    size, width = encoder.card.preprocess.size, encoder.card.feature_width
    images = random.integers(0, 256, (6, size, size, 3), dtype=np.uint8)
    labels, head = random.integers(0, 4, 6), random_unit_rows(4, width, 0)
    loader = [(to_tower(images, encoder.card.preprocess), torch.from_numpy(labels))]
    columns, module = torch.from_numpy(head.T), encoder.module.eval()
    logits, _ = benchmark.run_classification(module, columns, loader, "cpu", amp=False)
    rows = activations(encoder, images, 3)
    ours = 100 * rows / np.linalg.norm(rows, axis=1, keepdims=True) @ head.T
    np.testing.assert_allclose(ours, logits, atol=2e-4)
    right = logits.argmax(dim=1).numpy() == labels  # its `accuracy` fails with numpy 2.4
    assert np.array_equal(correct_predictions(rows, labels, Head(head, None, True)), right)
