"""The commands of the reference world: `python -m housestyle_models.world COMMAND`."""

import argparse
import os
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="housestyle_models.world", description=__doc__)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="for rendering")
    commands = parser.add_subparsers(dest="command", required=True)
    pack = commands.add_parser("pack", help="download the houses' drawings and pack them into one file")
    pack.add_argument("--packages", type=Path, help="a folder node_modules/@iconify-json that is there already")
    commands.add_parser("real", help="render every house's own drawings")
    commands.add_parser("split", help="draw the splits anew, with the digests of the drawings (both are committed)")
    commands.add_parser("looks", help="render the training drawings in procedural looks")
    commands.add_parser("expert", help="write the expert's words anew (they are committed)")
    lane = commands.add_parser("train", help="train whatever the plan has next, or go on")
    lane.add_argument("--lane", type=int, choices=(1, 2), required=True, help="run one process for each")
    args = parser.parse_args()
    # Rendering starts fresh processes, training loads a large runtime: each command imports what it needs.
    if args.command == "pack":
        from .catalogue import main as run

        run(args.packages)
    elif args.command == "real":
        from .drawings import build_real

        build_real(args.processes)
    elif args.command == "split":
        from .splits import draw

        draw()
    elif args.command == "looks":
        from .splits import build_looks

        build_looks(args.processes)
    elif args.command == "train":
        from .plan import run_lane

        run_lane(args.lane)
    elif args.command == "expert":
        from .expert import write

        write()


if __name__ == "__main__":
    main()
