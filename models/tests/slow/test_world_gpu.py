"""The script for a lent GPU, rehearsed on the CPU: the same command, two steps a part, twice (the second goes on
from the pieces)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from world_toy import write_pack

MODELS = Path(__file__).resolve().parents[2]
PARTS = ("autoencoder", "clip", "judge_a", "judge_b", "unet")


def call(work: Path, *arguments: str) -> str:
    environment = os.environ | {"HOUSESTYLE_WORLD_WORK": str(work), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(MODELS)}
    command = [sys.executable, "-m", "housestyle_models.world", "--processes", "1", *arguments]
    done = subprocess.run(command, cwd=MODELS, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_toy_world_trains_comes_back_in_pieces_and_goes_on(tmp_path: Path):
    pack, out = tmp_path / "drawings.json.xz", tmp_path / "out"
    write_pack(pack)
    call(tmp_path / "first", "gpu", "--toy", "--pack", str(pack), "--out", str(out), "--parts", ",".join(PARTS))
    pieces = sorted(out.glob("parts.*"))
    assert pieces and all(p.stat().st_size <= 15 * 2**20 for p in pieces) and len(pieces) <= 7
    parts = {json.loads(line)["part"] for line in (out / "logs.jsonl").read_text().splitlines()}
    assert parts == set(PARTS)

    work = tmp_path / "second"
    again = ["--parcel", str(out), "--out", str(tmp_path / "again"), "--parts", "judge_a"]
    call(work, "gpu", "--toy", "--pack", str(pack), *again)
    before = torch.load(tmp_path / "first/judge_a.pt", weights_only=True)
    after = torch.load(work / "judge_a.pt", weights_only=True)
    # The budget of a toy is spent: it calibrates anew and learns nothing more.
    assert before["steps"] == after["steps"] == 2
    assert after["extra"]["open_set"]["known_rejected"] == 0.05
    close = [
        torch.allclose(after["average"][k].float(), v.float(), atol=2e-3, rtol=2e-3)
        for k, v in before["average"].items()
    ]
    assert all(close)
