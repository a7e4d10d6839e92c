"""The command `housestyle-models`: data, train, export, import, verify.

Each subcommand loads what it needs when it runs: `verify` works without PyTorch. Exit codes: 0 done, 1 a bundle that is
not what it says, 2 input that cannot be used, 4 something needed is not installed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from .paths import FIXTURES

PARTS = ("autoencoder", "clip", "evaluator", "unet")
CONFIGS = ("small", "base")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one subcommand and returns its exit code."""
    given = parser().parse_args(arguments)
    try:
        return given.run(given)
    except ModuleNotFoundError as error:
        print(f"housestyle-models {given.command}: {error.name} is not installed", file=sys.stderr)
        print("  install the extra that has it: pip install -e '.[train]'", file=sys.stderr)
        return 4
    except (ValueError, OSError) as error:
        print(f"housestyle-models {given.command}: {error}", file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the whole command line."""
    top = argparse.ArgumentParser(prog="housestyle-models", description="Makes and verifies Housestyle's bundles.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    data = commands.add_parser("data", help="fetch the houses' drawings at pinned versions and render them")
    data.add_argument("--pngs", type=Path, metavar="DIR", help="also write the concepts' drawings as files")
    data.add_argument("--demo", action="store_true", help="also write the demo's agency and references (eval/demo)")
    data.add_argument("--write-splits", action="store_true", help="draw the committed splits anew from their seed")
    data.set_defaults(run=_data)

    train = commands.add_parser("train", help="train one part, or go on where its training stopped")
    train.add_argument("part", choices=PARTS)
    train.add_argument("--config", choices=CONFIGS, default="small", help="default: %(default)s; base is for a GPU")
    train.add_argument("--minutes", type=float, help="budget of processor time, instead of the configuration's")
    train.add_argument("--threads", type=int, default=0, help="threads of PyTorch (default: one per core)")
    train.add_argument("--freeze-text", action="store_true", help="clip only: train the image tower alone")
    train.set_defaults(run=_train)

    export = commands.add_parser("export", help="write a bundle: the reference bundle, or the tests' fixture")
    what = export.add_mutually_exclusive_group()
    what.add_argument("--evaluator-only", action="store_true", help="replace the evaluator of the bundle that is there")
    what.add_argument("--fixture", action="store_true", help="write the tiny bundle and the tests' reference values")
    export.add_argument("--config", choices=CONFIGS, default="small", help="what was trained (default: %(default)s)")
    export.add_argument("--out", type=Path, default=FIXTURES, help="folder of the fixture (default: %(default)s)")
    export.set_defaults(run=_export)

    bring = commands.add_parser("import", help="make a bundle from a Stable-Diffusion-1.x-shaped pipeline")
    bring.add_argument("--pipeline", type=Path, required=True, help="folder that save_pretrained wrote")
    bring.add_argument("--out", type=Path, required=True, help="the bundle's folder (replaced when it exists)")
    bring.add_argument("--name", help="the bundle's name (default: the folder's)")
    bring.add_argument("--description", default="An imported Stable-Diffusion-1.x-shaped pipeline.")
    bring.add_argument("--styles", type=Path, help="YAML list of {name, look, licence, holder, source, attribution}")
    bring.add_argument("--licence", default="unknown", help="SPDX name of the weights' licence (default: %(default)s)")
    bring.add_argument("--holder", default="unknown", help="who holds the rights (default: %(default)s)")
    bring.add_argument("--fp32", action="store_true", help="keep weights as fp32 instead of rounding to fp16")
    bring.set_defaults(run=_import)

    check = commands.add_parser("verify", help="check a bundle's digests, models, layouts and tokenizer")
    check.add_argument("bundle", type=Path, nargs="+", help="a bundle's folder")
    check.set_defaults(run=_verify)
    return top


def _data(given: argparse.Namespace) -> int:
    from . import emoji

    if given.write_splits:
        emoji.write_splits()
    if given.write_splits or not emoji.is_built() or not (given.pngs or given.demo):
        emoji.build()
    if given.pngs:
        emoji.write_pngs(given.pngs)
    if given.demo:
        from .demo_evidence import write_evidence

        write_evidence()
    return 0


def _train(given: argparse.Namespace) -> int:
    if given.freeze_text and given.part != "clip":
        raise ValueError("--freeze-text is for clip: no other part has a text encoder")
    from .training import Options

    options = Options(given.config, given.minutes, given.threads, given.freeze_text)
    import_module(f".{given.part}", __package__).train(options)
    return 0


def _export(given: argparse.Namespace) -> int:
    if given.fixture:
        from . import fixture

        fixture.write(given.out)
        return 0
    from . import emoji_houses

    print(
        emoji_houses.replace_judge(given.config) if given.evaluator_only else emoji_houses.export_bundle(given.config)
    )
    return 0


def _import(given: argparse.Namespace) -> int:
    import yaml

    from .bundle import Metadata
    from .sd_import import import_pipeline

    origin = {"licence": given.licence, "holder": given.holder, "source": given.pipeline.name, "attribution": ""}
    styles = [{"name": "stock", "look": "illustration", **origin}]
    if given.styles:
        styles = [{**origin, **style} for style in yaml.safe_load(given.styles.read_text("utf-8"))]
    about = Metadata(given.name or given.out.name, given.description, styles, licence=given.licence)
    print(import_pipeline(given.pipeline, given.out, about, half=not given.fp32))
    return 0


def _verify(given: argparse.Namespace) -> int:
    from .verify import digest, verify

    worst = 0
    for folder in given.bundle:
        problems = verify(folder)
        for problem in problems:
            print(f"{folder}: {problem}", file=sys.stderr)
        print(f"{folder}: {len(problems)} problems" if problems else f"{folder}: ok, sha256:{digest(folder)}")
        worst = worst or int(bool(problems))
    return worst
