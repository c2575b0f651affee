"""Starts a worker as ``python -m worker`` does, over the use cases of ``a_pipeline``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from a_pipeline import USE_CASES

from publisher.settings import load_settings
from worker.__main__ import run

if __name__ == "__main__":
    sys.exit(run(load_settings(Path(sys.argv[1])), watch_stdin="--watch-stdin" in sys.argv, use_cases=USE_CASES))
