"""Lets `python -m housestyle_models` stand for the command `housestyle-models`."""

import sys

from .cli import main

sys.exit(main())
