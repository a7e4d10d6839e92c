"""The software bill of materials of the released program, as CycloneDX 1.6 JSON, checked against its schema.

In: Cargo's own view of the tree (what is linked into the binary on Linux, not what only builds or tests it), Cargo.lock's
checksums, the pinned ONNX Runtime, the bundles in models/. Out: one document on standard output.
What always holds: the same tree gives the same document; no time and no random number is in it.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib
import uuid

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT = pathlib.Path(__file__).parent.parent
TARGET = "x86_64-unknown-linux-gnu"
LICENCES = LicenseFactory()


def component(name, version, purl_type, licence, sha256, kind=ComponentType.LIBRARY) -> Component:
    purl = PackageURL(purl_type, name=name, version=version)
    return Component(
        name=name,
        version=version,
        type=kind,
        purl=purl,
        bom_ref=str(purl),
        licenses=[LICENCES.make_from_string(licence.replace("/", " OR "))] if licence else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else [],
    )


def linked(metadata: dict) -> tuple[str, dict[str, list[str]]]:
    """The root, and what each package in the binary links."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    found, waiting = {}, [root]
    while waiting:
        package = waiting.pop()
        if package in found:
            continue
        normal = [d["pkg"] for d in nodes[package]["deps"] if any(k["kind"] is None for k in d["dep_kinds"])]
        found[package] = normal
        waiting.extend(normal)
    return root, found


def main() -> None:
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in locked}

    root, found = linked(metadata)
    made = {}
    for package in found:
        name, version = packages[package]["name"], packages[package]["version"]
        kind = ComponentType.APPLICATION if package == root else ComponentType.LIBRARY
        made[package] = component(name, version, "cargo", packages[package]["license"], checksums.get((name, version)), kind)

    script = (ROOT / "deploy/fetch-onnxruntime.sh").read_text()
    version = re.search(r"^version=(\S+)$", script, re.M)[1]
    wheel = re.search(r"Linux-x86_64\) hash=([0-9a-f]{64})", script)[1]
    runtime = component("onnxruntime", version, "pypi", "MIT", wheel)
    weights = [
        component(card.parent.name, "1", "generic", "", None, ComponentType.MACHINE_LEARNING_MODEL)
        for card in sorted((ROOT / "models").glob("*/bundle.yaml"))
    ]

    bom = Bom(components=[*(c for p, c in made.items() if p != root), runtime, *weights])
    bom.metadata.component = made[root]
    bom.metadata.timestamp = None
    for package, links in found.items():
        bom.register_dependency(made[package], [made[link] for link in links])
    bom.register_dependency(made[root], [*(made[link] for link in found[root]), runtime, *weights])
    told = "\n".join(sorted(str(c.bom_ref) for c in bom.components))
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, told)

    document = JsonV1Dot6(bom).output_as_string(indent=1)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(document)
    if wrong:
        sys.exit(f"the bill of materials is not CycloneDX: {wrong}")
    print(document)


main()
