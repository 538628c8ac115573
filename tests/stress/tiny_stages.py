"""What stages do with the settings of a study, on very small arrays."""

from collections.abc import Callable, Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import torch
from msgspec.structs import replace

from interpreting_clip.config.datasets import RealSet, Shards
from interpreting_clip.config.encoders import (
    AnyBackbone,
    Backbone,
    Heads,
    Layers,
    ModifiedResNet,
    Precision,
    TextTransformer,
)
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.config.synthetic import Adversarial, Labelled, ProbeSet, Recipe, World
from interpreting_clip.config.trainings import TrainingRecipe
from interpreting_clip.controls.control import Settings as ControlsSettings
from interpreting_clip.controls.drawn_accuracies import robustness_controls
from interpreting_clip.controls.features import kurtosis_controls, outlier_controls
from interpreting_clip.controls.low_rank_head import head_controls
from interpreting_clip.controls.noisy_labels import ConceptScoring, concept_controls
from interpreting_clip.datasets.broden.labels import Settings as PresenceSettings
from interpreting_clip.datasets.broden.labels import can_be_probed, concept_presence
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.sources import write_real_dataset
from interpreting_clip.encoders.encoder import classifier_encoder, clip_encoder, initialise
from interpreting_clip.encoders.heads import zero_shot_head
from interpreting_clip.encoders.layer_outliers import OutlierLimits
from interpreting_clip.encoders.layers import evenly_spaced_minibatches, layer_grams
from interpreting_clip.encoders.open_clip_models import architecture_of
from interpreting_clip.encoders.tokenizer import build_vocabulary
from interpreting_clip.errors import error_context
from interpreting_clip.measures.chance import best_direction_chance, discoveries
from interpreting_clip.measures.cka import cka
from interpreting_clip.measures.concept_nulls import image_permutations, random_direction_counts
from interpreting_clip.measures.concepts import (
    ConceptLabels,
    Group,
    concept_targets,
    probe,
)
from interpreting_clip.measures.concepts import Settings as ConceptsSettings
from interpreting_clip.measures.directions import Settings as DirectionsSettings
from interpreting_clip.measures.directions import (
    importance,
    rotated_directions,
    singular_directions,
)
from interpreting_clip.measures.effective_robustness import Accuracy, estimate_effective_robustness
from interpreting_clip.measures.head import Head, random_unit_rows
from interpreting_clip.measures.intervals import bootstrap_mean
from interpreting_clip.measures.kurtosis import Settings as KurtosisSettings
from interpreting_clip.measures.kurtosis import kurtosis_and_deviations, outlier_features
from interpreting_clip.measures.logit_line import Settings as BaselineSettings
from interpreting_clip.measures.logit_line import baseline_lines
from interpreting_clip.measures.logit_variance import logit_variance_shares, second_moment
from interpreting_clip.measures.pruning import prunable_fraction, pruned_accuracies
from interpreting_clip.study.sections import Sections, further_measures
from interpreting_clip.synthetic.drawn_sets import write_drawn_set
from interpreting_clip.training.callbacks import Callbacks
from interpreting_clip.training.contrastive import pretrain
from interpreting_clip.training.loop import deterministic, learning_rate
from interpreting_clip.training.standard_models import LabelledImages, standard_model_accuracies
from interpreting_clip.training.supervised import train_classifier
from runner.machine_settings import Machine

IMAGES, CLASSES = 24, ["circle", "square", "star"]
RNG = np.random.default_rng(0)
FEATURES, HEAD = RNG.standard_normal((IMAGES, 8), np.float32), RNG.standard_normal((3, 8))
LABELS = np.arange(IMAGES) % 3
PIXELS = RNG.integers(0, 256, (IMAGES, 32, 32, 3)).astype(np.uint8)
CAPTIONS = [f"a {CLASSES[label]}" for label in LABELS]
ACCURACIES = RNG.uniform(0.2, 0.8, (6, 5))
LARGEST = 10**6
"""The approximate size limit, in numbers, of towers with their images that are built."""

TINY = Backbone(
    image_size=32,
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
    embedding=4,
    quick_gelu=False,
    vision=ModifiedResNet(layers=(1, 1, 1, 1), width=2, head_width=16),
    text=TextTransformer(context=64, width=4, heads=1, layers=1),
)

Run = tuple[Callable[..., None], tuple[Any, ...]]


def runs(study: Sections) -> Iterator[Run]:
    """Yield each computation that uses settings of a study, with these settings."""
    for entry in study.datasets.values():
        source = getattr(study.sources, entry.source)
        if isinstance(entry, Recipe):
            yield draw, (entry, source, study.presence)
        elif isinstance(entry, RealSet):
            yield find, (entry, source)
    yield from ((build, (backbone,)) for backbone in study.backbones.values())
    yield from ((contrast, (recipe,)) for recipe in study.recipes.values())
    for entry in study.supervise.values():
        yield classify, (study.recipes[entry.recipe], entry.label_smoothing)
    yield kurtosis, (study.kurtosis,)
    yield directions, (study.directions,)
    yield concepts, (study.concepts,)
    for name in further_measures():
        yield further, (name, getattr(study, name), study.kurtosis)
    outliers = OutlierLimits(study.cka.outlier_sigma, study.cka.outlier_share)
    yield layers, (study.layers, study.precision, outliers)
    yield heads, (study.heads,)
    yield threads, (study.threads.inference,)
    one, other = study.robustness, study.published
    yield robustness, (study.baseline.resamples, study.baseline.seed, one.confidence, one.seed)
    yield robustness, (other.resamples, other.seed, other.confidence, other.seed)
    measures = study.kurtosis, study.directions, study.concepts, study.robustness.confidence
    yield planted, (study.controls, *measures)
    train = study.datasets["imagenet_train"]
    if study.baseline.source == "trained" and isinstance(train, Labelled):
        yield baseline, (study.baseline, train)


def draw(recipe: Recipe, world: World, presence: PresenceSettings) -> None:
    """Draw a few images of a set; for a probe set, find its concepts."""
    few = min(recipe.images, 4 if world.image_size > 64 else IMAGES)
    small: Any = replace(recipe, images=few)
    if isinstance(recipe, Adversarial):
        net = recipe.reference
        train = replace(net.train, images=min(net.train.images, IMAGES))
        net = replace(net, train=train, epochs=min(net.epochs, 2), width=2, threads=1)
        small = replace(small, reference=net)
    write_drawn_set("drawn", small, world, Path("drawn"))
    if isinstance(recipe, ProbeSet):
        with open_broden(Path("drawn")) as broden:
            can_be_probed(concept_presence(broden, presence.pixels))


def find(entry: Any, shards: Shards) -> None:
    """Look for the folder of a real set; other sources are not here."""
    if entry.source == "folder":
        write_real_dataset("found", entry, shards, Path("found"), Machine(workers=1))


def build(backbone: AnyBackbone) -> None:
    """Build a small CLIP by its sizes and show it two images; look up other architectures."""
    if not isinstance(backbone, Backbone):
        architecture_of(backbone)
    elif numbers(backbone) < LARGEST:
        clip, side = clip_encoder(backbone, build_vocabulary(CAPTIONS), 0), backbone.image_size
        texts = torch.zeros(2, backbone.text.context, dtype=torch.long)
        clip.module.eval()(torch.zeros(2, 3, side, side), texts)


def numbers(backbone: Backbone) -> int:
    """Return roughly how many weights, and how many numbers per image, a CLIP has."""
    vision, text = backbone.vision, backbone.text
    resnet = isinstance(vision, ModifiedResNet)
    width = 32 * vision.width if resnet else vision.width
    depth = sum(vision.layers) if isinstance(vision, ModifiedResNet) else vision.layers
    patches = (backbone.image_size // (8 if resnet else vision.patch)) ** 2
    towers = 12 * width**2 * depth + 12 * text.width**2 * text.layers
    return towers + (width + text.width) * backbone.embedding + width * patches + patches**2


def contrast(recipe: TrainingRecipe) -> None:
    """Take the first steps of a CLIP's training, and compute its learning rates."""
    ends = (0, recipe.warmup_steps, recipe.epochs * 1000)
    assert all(0 <= learning_rate(recipe, step, 1000) <= recipe.learning_rate for step in ends)
    threads(recipe.threads)
    pretrain(shortened(recipe), TINY, PIXELS, CAPTIONS, callbacks=Callbacks())


def classify(recipe: TrainingRecipe, smoothing: float) -> None:
    encoder = classifier_encoder(TINY, CLASSES, recipe.seed, normalize_features=False)
    train_classifier(
        encoder, shortened(recipe), PIXELS, LABELS, label_smoothing=smoothing, callbacks=Callbacks()
    )


def shortened(recipe: TrainingRecipe) -> TrainingRecipe:
    """Return a recipe of at most two epochs, with pieces that few images can fill."""
    if recipe.pieces > 1:
        recipe = replace(recipe, batch_size=IMAGES, pieces=2)
    epochs, plain = min(recipe.epochs, 2), {"threads": 1, "activation_checkpointing": False}
    return replace(recipe, epochs=epochs, **plain)


def threads(count: int) -> None:
    """Set the number of threads, and reset it before anything is computed."""
    with deterministic(count):
        pass


def kurtosis(settings: KurtosisSettings) -> None:
    of_images, deviations = kurtosis_and_deviations(FEATURES, settings.outlier_sigma)
    bootstrap_mean(of_images, settings.resamples, settings.confidence, settings.seed)
    for share in (settings.outlier_share, *settings.sweep):
        outlier_features(deviations, share)


def further(name: str, settings: Any, kurtosis: KurtosisSettings) -> None:
    """Measure a few images; the function has its module's name."""
    measure = resolve_name(f"interpreting_clip.measures.{name}:{name}")
    limits = (kurtosis.outlier_sigma, kurtosis.outlier_share) if name == "privileged_basis" else ()
    with error_context("images", ValueError):
        measure(FEATURES, *limits, settings)


def directions(settings: DirectionsSettings) -> None:
    fractions, head = np.array(settings.fractions), Head(HEAD, None, True)
    own = singular_directions(HEAD, settings.centre)
    for found in (own, rotated_directions(own, settings.random_head_seed, settings.random_heads)):
        weights = importance(FEATURES, found)
        shares = pruned_accuracies(FEATURES, LABELS, head, found, weights, fractions=fractions)
        prunable_fraction(fractions, 100 * shares, settings.harmless)
    logit_variance_shares(second_moment(FEATURES, head), HEAD, own.vectors)


def concepts(settings: ConceptsSettings) -> None:
    labels, numbered = ConceptLabels(np.arange(IMAGES), LABELS), np.arange(3)
    targets = concept_targets(
        labels, numbered, IMAGES, settings.negatives, settings.seed, draws=settings.draws
    )
    groups = [Group(numbered > 0, threshold) for threshold in (settings.threshold, *settings.sweep)]
    draws, sign = min(settings.null_draws, 3), settings.sign
    permutations = image_permutations(IMAGES, draws, settings.seed)
    sides = 2 if sign == "either" else 1
    for directions in (singular_directions(HEAD), None):
        found = probe(
            FEATURES, directions, targets, groups, sign=sign, permutations=permutations
        ).precisions
        chance = best_direction_chance(
            found, targets.positives, IMAGES - targets.positives, sides=sides
        )
        discoveries(chance, settings.false_discovery_rate)
    random_direction_counts(
        FEATURES, [2, FEATURES.shape[1]], targets, groups, draws=draws, seed=settings.seed
    )


def layers(settings: Layers, precision: Precision, limits: OutlierLimits) -> None:
    """Compare the layers of an encoder, if there are enough images for a minibatch."""
    if images := min(settings.images, IMAGES // settings.minibatch * settings.minibatch):
        rows = evenly_spaced_minibatches(IMAGES, images, settings.minibatch)
        grams = layer_grams(
            *(initialise(TINY, 0), PIXELS, rows, Machine(), precision.inference), limits=limits
        )
        cka(grams.whole, grams.whole)


def heads(settings: Heads) -> None:
    clip = clip_encoder(TINY, build_vocabulary(CAPTIONS), 0)
    assert np.isfinite(zero_shot_head(clip, CLASSES, settings.zero_shot.templates)).all()
    random_unit_rows(len(CLASSES), TINY.embedding, settings.random.seed)


def robustness(resamples: int, seed: int, confidence: float, draws: int) -> None:
    shifts: dict[str, Any] = dict(zip(TESTBED_SHIFTS, ACCURACIES[1:], strict=True))
    lines, resampled = baseline_lines(ACCURACIES[0], shifts, resamples, seed)
    measured: dict[str, Any] = dict.fromkeys(TESTBED_SHIFTS, Accuracy(0.5, IMAGES))
    estimate_effective_robustness(
        Accuracy(0.6, None), measured, lines, resampled, confidence=confidence, seed=draws
    )


def planted(
    settings: ControlsSettings,
    kurtosis: KurtosisSettings,
    directions: DirectionsSettings,
    concepts: ConceptsSettings,
    confidence: float,
) -> None:
    """Plant what the stage plants, with few repetitions."""
    seed, few = settings.seed, (min(settings.resamples, 20), min(settings.repetitions, 2))
    draws = min(concepts.draws, 3)
    scoring = ConceptScoring(
        concepts.negatives, draws, concepts.seed, concepts.sign, concepts.threshold
    )
    kurtosis_controls(8, kurtosis.outlier_sigma, seed)
    outlier_controls(FEATURES, kurtosis.outlier_sigma, kurtosis.outlier_share, seed)
    head_controls(directions.fractions, directions.harmless, seed)
    concept_controls(None, scoring, seed)
    robustness_controls(TESTBED_SHIFTS, confidence, *few, seed)


def baseline(settings: BaselineSettings, train: Labelled) -> None:
    """Train standard models on noise, with as many classes as the study has."""
    classes = np.array(train.class_indices)
    rows = np.arange(min(train.images, 50 * len(classes)))
    images = np.random.default_rng(0).integers(0, 256, (len(rows), 8, 8, 3)).astype(np.uint8)
    data = LabelledImages(images, classes[rows % len(classes)], classes)
    standard_model_accuracies(data, data, {}, settings.seed)
