"""What makes image encoders robust: the instruments of `interpreting_clip.measures`.

They take arrays of NumPy and return numbers; the rest of the package makes such arrays.

* `kurtosis.kurtosis_and_deviations`, `kurtosis.outlier_features`
* `directions.singular_directions`, `directions.importance`, `pruning.pruned_accuracies`
* `logit_variance.logit_variance_shares`
* `outlier_axes.align_axes`, `outlier_axes.pruning_costs`
* `concepts.concept_targets`, `concepts.probe`, `average_precision.average_precisions`
* `chance.chance_of_precision`, `chance.fewest_images`, `concept_nulls.random_direction_counts`
* `u_centring.u_center`, `cka.cka`
* `accuracy.top1_accuracy`, `logit_line.baseline_lines`,
  `effective_robustness.estimate_effective_robustness`
* `participation_ratio.participation_ratio`, `privileged_basis.privileged_basis`
* `rank_correlation.rank_correlation`, `intervals.bootstrap_mean`

Each is in a module of its own, with its definition, its source and the units of its arguments.
Nothing is imported here: a measure needs NumPy, and the encoders, trainings and datasets in the
other packages need PyTorch.
"""
