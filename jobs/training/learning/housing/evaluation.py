"""A valuation in figures: errors beside the baseline's, significance, interval coverage, slices. `evaluation.json`:

    {
      "schema_version": 1, "model": "housing", "target": "price", "unit": "USD",
      "dataset_sha256": …, "bundle_sha256": …, "seed": 7,
      "split": {
        "by": "dates" | "auto", "first_day": …, "train_before": …, "eval_before": …, "holdout_before": …,
        "n_train": …, "n_eval": …, "n_holdout": …
      },
      "baselines": {"median_by_place": "<how it is made>"},
      "holdout": <Scores>,         # of a model that saw nothing from `eval_before` on: what the gate reads
      "holdout_online": <Scores>,  # the same trees; before each month the price index is estimated anew from sales
      "eval": <Scores>,            # of a model that saw nothing from `train_before` on; tuning looked at these sales
      "tuning": {"trials", "pruned", "score_of_defaults", "best_score", "kept_defaults", "chosen": {…}},
      "training": {"seconds", "rounds", "rows", "loss_curve": [{"round", "train", "eval"}]},
      "feature_importance": [{"feature", "share"}]
    }

<Scores>: {
      "n", "first_day", "last_day",
      "mape": {"model", "median_by_place"},   # mean of |valued - paid| / paid
      "rmse": {"model", "median_by_place"},   # in the target's unit
      "r2", "bias",                           # bias: mean of (valued - paid) / paid
      "versus": {"median_by_place": {"mape_ratio", "dm_statistic", "p_value"}},
      "intervals": [{"level", "coverage", "mean_width", "n"}],   # mean_width in the target's unit
      "slices": [{"slice", "n", "mape": {"model", "median_by_place"}}]
    }

All errors, bias and ratios are plain shares, .1 = 10%. `p_value` is one-sided, small = the model's relative errors are
smaller. `loss_curve` holds the root mean squared error of log prices after some of the rounds, while tuning's choice was
fitted before `train_before`. All figures are finite; `training.seconds` alone differs between two equal trainings.
"""
