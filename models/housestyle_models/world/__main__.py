"""The commands of the reference world: `python -m housestyle_models.world COMMAND`."""

import argparse
import os
import sys
from pathlib import Path


def arguments() -> argparse.ArgumentParser:
    """The commands and their arguments."""
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
    part = commands.add_parser("part", help="train one part until a time (used by `gpu`)")
    part.add_argument("name")
    part.add_argument("--until", type=float, required=True, help="seconds since 1970")
    gpu = commands.add_parser("gpu", help="train everything on a GPU that is lent for minutes")
    gpu.add_argument("--pack", type=Path, required=True, help="the packed drawings")
    gpu.add_argument("--parcel", type=Path, help="a folder with pieces of an earlier call, to go on from")
    gpu.add_argument("--out", type=Path, required=True, help="where the pieces go")
    gpu.add_argument("--seconds", type=float, default=530.0, help="for the whole call")
    gpu.add_argument("--parts", help="only these, comma separated")
    for command in (part, gpu):
        command.add_argument("--toy", action="store_true", help="two steps a part, on the CPU")
        command.add_argument("--no-compile", action="store_true", help="without torch.compile")
    gpu.add_argument("--retry", action="store_true", help="begin a part that fails compiled again without compiling")
    away = commands.add_parser("parcel", help="write the trained parts as pieces that travel")
    away.add_argument("folder", type=Path)
    parcel = commands.add_parser("unpack", help="take the parts that a GPU machine trained")
    parcel.add_argument("folder", type=Path)
    bundle = commands.add_parser("bundle", help="write the bundle from the trained parts")
    bundle.add_argument("out", type=Path)
    bundle.add_argument("--no-training-steps", action="store_true", help="leave the few-shot training steps out")
    draw = commands.add_parser("draw", help="draw held-out cells and ask both judges")
    draw.add_argument("out", type=Path, help="writes OUT.png and OUT.json")
    draw.add_argument("--kind", choices=("test", "kept"), default="kept")
    draw.add_argument("--names", type=int, default=12)
    draw.add_argument("--words", choices=("expert", "description", "name"), default="description")
    draw.add_argument("--steps", type=int, default=20)
    draw.add_argument("--guidance", type=float, default=4.0)
    draw.add_argument("--arm", choices=("unet", "unet_plain"), default="unet")
    return parser


def main() -> None:
    args = arguments().parse_args()
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
    elif args.command == "expert":
        from .expert import write

        write()
    elif args.command == "train":
        from .plan import run_lane

        run_lane(args.lane)
    elif args.command == "part":
        from .gpu import settings_of
        from .plan import train

        train(
            args.name, settings_of(args.name, args.until, args.toy, not args.no_compile), "cpu" if args.toy else "cuda"
        )
    elif args.command == "gpu":
        from .gpu import Plan, run
        from .parcels import ORDER

        parts = tuple(args.parts.split(",")) if args.parts else ORDER
        plan = Plan(args.out, args.seconds, args.processes, args.toy, not args.no_compile, args.retry, parts)
        sys.exit(run(plan, args.pack, args.parcel))
    elif args.command == "bundle":
        from .export import write as write_world

        print(write_world(args.out, training_steps=not args.no_training_steps))
    elif args.command == "draw":
        from .draw import draw as draw_cells

        print(draw_cells(args.kind, args.names, args.words, args.steps, args.guidance, args.out, args.arm))
    elif args.command == "parcel":
        from .gpu import MOST
        from .parcels import pack as pack_parts

        print(pack_parts(args.folder, MOST))
    elif args.command == "unpack":
        from .parcels import unpack

        print(unpack(args.folder))


if __name__ == "__main__":
    main()
