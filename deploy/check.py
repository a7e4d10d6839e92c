"""Checks what deploy/ says, by the schemas of those who will read it. Run by check.sh, which brings the tools.

In: the chart, compose.yaml, the dashboard, the bucket policy. Out: exit code 1 and one line a problem.
What is not checked here, as it needs a cluster or a container engine: that images build, start and find each other.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import compose_spec
import helm_python
import kubernetes_validate
import yaml
from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.prometheus_operator import v1 as operator

HERE = pathlib.Path(__file__).parent
CHART = HERE / "helm/housestyle"
# The oldest Kubernetes that Chart.yaml allows, and the newest that the schemas know.
KUBERNETES = ["1.27.0", "1.37.0"]
CUSTOM = {"keda.sh": keda, "monitoring.coreos.com": operator}
# Ways to set the chart up that together reach every branch of its templates.
SETUPS = {
    "defaults": {},
    "everything": {
        "image": {"digest": "sha256:" + "0" * 64},
        "imagePullSecrets": [{"name": "pull"}],
        "secrets": {"s3": "housestyle-s3", "webhooks": "housestyle-webhooks"},
        "env": {"HOUSESTYLE_LOG": "debug"},
        "monitoring": {"enabled": True, "labels": {"release": "prometheus"}},
        "networkPolicy": {"watchers": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}}, "httpsPorts": [443, 3900]},
        "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/r"}},
        "podAnnotations": {"a": "b"},
        "nodeSelector": {"gpu": "yes"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "resources": {"limits": {"nvidia.com/gpu": 1}},
        "settings": {"provider": "cuda"},
    },
    "bare": {
        "keda": {"enabled": False},
        "replicas": 3,
        "networkPolicy": {"enabled": False},
        "podDisruptionBudget": {"enabled": False},
    },
}
# What the chart's own schema must refuse.
REFUSED = {
    "unknown value": {"replica": 1},
    "a broker's password among the settings": {"settings": {"broker": "amqp://u:p@h/v"}},
    "too short to drain": {"terminationGracePeriodSeconds": 5},
    "a folder that is gone with the pod": {"settings": {"out": "out"}},
    "no workers allowed": {"keda": {"maxReplicas": 0}},
}

problems: list[str] = []


def expect(fine: bool, problem: str) -> None:
    if not fine:
        problems.append(problem)


def lost(given, kept, path: str = "") -> list[str]:
    """The fields of `given` that the schema's own reader did not keep: those it does not know."""
    if isinstance(given, dict):
        kept = kept if isinstance(kept, dict) else {}
        return [p for k, v in given.items() for p in (lost(v, kept[k], f"{path}.{k}") if k in kept else [f"{path}.{k}"])]
    if isinstance(given, list) and isinstance(kept, list):
        return [p for i, (g, k) in enumerate(zip(given, kept)) for p in lost(g, k, f"{path}[{i}]")]
    return []


def check_document(name: str, document: dict) -> None:
    kind, group = document["kind"], document["apiVersion"].split("/")[0]
    if group in CUSTOM:
        model = getattr(CUSTOM[group], kind)
        try:
            read = model.model_validate(document)
        except ValueError as error:
            problems.append(f"{name}: {kind}: {error}")
            return
        kept = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
        for path in lost(document, kept):
            problems.append(f"{name}: {kind}{path} is no field of it")
        return
    for version in KUBERNETES:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except Exception as error:  # its errors share no other base
            said = str(error).splitlines()[0]  # the rest is the whole schema
            problems.append(f"{name}: {kind} for Kubernetes {version}: {said}")


def check_chart() -> None:
    report = helm_python.lint(CHART, strict=True)
    for message in report["messages"]:
        expect(message["severity"] < 2, f"helm lint: {message}")
    for error in report["errors"]:
        problems.append(f"helm lint: {error}")
    chart = helm_python.Chart.load(CHART)
    for setup, values in SETUPS.items():
        chart.validate_schema(chart.merge_values(values))
        seen = []
        for template, text in chart.render(values, name="x", namespace="n").items():
            if template.endswith(".txt"):
                continue
            for document in filter(None, yaml.safe_load_all(text)):
                seen.append(document)
                check_document(f"{setup}: {template}", document)
        expect(any(d["kind"] == "Deployment" for d in seen), f"{setup}: no workers")
        check_workers(setup, next(d for d in seen if d["kind"] == "Deployment"), seen)
    for why, values in REFUSED.items():
        try:
            chart.validate_schema(chart.merge_values(values))
            problems.append(f"values.schema.json takes {why}: {values}")
        except helm_python.HelmError:
            pass


def check_workers(setup: str, deployment: dict, documents: list[dict]) -> None:
    """What schemas cannot say: no root, nothing writable, drained before killed, scaled by one hand only."""
    pod = deployment["spec"]["template"]["spec"]
    worker = pod["containers"][0]
    secured = worker["securityContext"]
    expect(secured["readOnlyRootFilesystem"] and not secured["allowPrivilegeEscalation"], f"{setup}: a worker could write or rise")
    expect(pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"], f"{setup}: a worker has too many rights")
    expect(pod["terminationGracePeriodSeconds"] >= 60, f"{setup}: a worker is killed before it is drained")
    mounts = {m["name"] for m in worker["volumeMounts"]}
    expect(mounts == {v["name"] for v in pod["volumes"]}, f"{setup}: mounts and volumes differ")
    scaled = [d for d in documents if d["kind"] == "ScaledObject"]
    expect(("replicas" in deployment["spec"]) != bool(scaled), f"{setup}: two hands scale, or none")
    for scaler in scaled:
        queues = sorted(t["metadata"]["queueName"] for t in scaler["spec"]["triggers"])
        wanted = ["housestyle.campaigns", *(f"housestyle.jobs.{lane}" for lane in ("high", "low", "normal"))]
        expect(queues == wanted, f"{setup}: scales on {queues}")
        expect(scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"], f"{setup}: scales another")


def check_compose() -> None:
    text = (HERE / "compose.yaml").read_text()
    document = yaml.safe_load(text)
    try:
        read = compose_spec.ComposeSpecification.model_validate(document)
        for path in lost(document, read.model_dump(mode="json", by_alias=True, exclude_unset=True)):
            problems.append(f"compose.yaml: {path} is no field of it")
    except ValueError as error:
        problems.append(f"compose.yaml: {error}")
    for name, service in document["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (HERE / source).exists() if source.startswith(".") else source in document["volumes"]
            expect(there, f"compose.yaml: {name} mounts {source}, which is not there")
        for other in service.get("depends_on", {}):
            expect(other in document["services"], f"compose.yaml: {name} waits for {other}, which is not there")
        for port in service.get("ports", []):
            expect(port.startswith("127.0.0.1:"), f"compose.yaml: {name} opens {port} to others")
    wanted = {line.split("=")[0] for line in (HERE / ".env.example").read_text().splitlines() if "=" in line and line[0] != "#"}
    asked = {part.split(":?")[0] for part in text.split("${")[1:] if ":?" in part.split("}")[0]}
    expect(wanted == asked, f".env.example and compose.yaml differ in {wanted ^ asked}")


def check_dashboard() -> None:
    dashboard = json.loads((CHART / "files/dashboard.json").read_text())
    panels = dashboard["panels"]
    expect(len({p["id"] for p in panels}) == len(panels), "dashboard: two panels have one id")
    taken = {}
    for panel in panels:
        at = panel["gridPos"]
        expect(at["x"] + at["w"] <= 24, f"dashboard: {panel['title']} is wider than the page")
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            other = taken.setdefault(cell, panel["title"])
            expect(other == panel["title"], f"dashboard: {panel['title']} lies over {other}")
        expect(bool(panel["description"]), f"dashboard: {panel['title']} does not say what it shows")
    # As recording rules, so that promtool reads every expression.
    targets = [t["expr"] for p in panels for t in p["targets"]]
    rules = [{"record": f"panel:{i}", "expr": expr} for i, expr in enumerate(targets)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        ran = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True, check=False)
        expect(ran.returncode == 0, f"dashboard: {ran.stdout}{ran.stderr}")


def check_policy() -> None:
    """Workers get objects of their prefix and its listing: no bucket settings, no other prefix, no wildcard."""
    policy = json.loads((HERE / "bucket-policy.json").read_text())
    allowed = [s for s in policy["Statement"] if s["Effect"] == "Allow"]
    actions = {a for s in allowed for a in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])}
    needed = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListBucket"}
    expect(actions == needed, f"bucket policy: allows {actions ^ needed} more or less than needed")
    for statement in allowed:
        expect(statement["Principal"] != "*", "bucket policy: lets everybody in")
        expect("PREFIX" in json.dumps([statement["Resource"], statement.get("Condition")]), "bucket policy: reaches beyond its prefix")


for check in (check_chart, check_compose, check_dashboard, check_policy):
    check()
for problem in problems:
    print(f"deploy: {problem}", file=sys.stderr)
sys.exit(1 if problems else 0)
