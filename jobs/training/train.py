"""Entry point of every training job: `learning` does the work, by the hyperparameter `model`.

The container installs this folder and runs `python -m train --<hyperparameter> <value> …`; the thread settings have to
be in the environment before the first numerical library is loaded.
"""

import os
import runpy

if __name__ == "__main__":
    # One thread a fit: with two, a boosting round on so few rows is spent waiting (10 times slower on 2 cores), and
    # sums added in another order would be other bits. The fits themselves run side by side.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["OMP_WAIT_POLICY"] = "passive"
    runpy.run_module("learning", run_name="__main__", alter_sys=True)
