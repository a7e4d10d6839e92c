# Everything that is built, tested or measured here. `make` alone lists it. Needs Rust, Python 3 and a C compiler.
.DEFAULT_GOAL := help
.PHONY: help demo demo-cluster test lint lint-rust lint-models test-models-quick test-models check-deploy audit sbom few-shot \
  generation scale runtime browser broker soak build models-venv models-quick-venv models-constraints models-witness bundle \
  fixture clean
HOUSESTYLE := ./target/release/housestyle
MODELS := models/.venv/bin/housestyle-models
# Pins what is installed and what builds it; newer releases of pip read the second variable for the latter.
PIP_INSTALL := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
  python -m pip install --quiet --disable-pip-version-check

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: runtime ## Make the demo campaign and the report beside an agency's work
	cargo build --release --locked
	@$(HOUSESTYLE) run specs/demo.yaml --out out || { code=$$?; [ $$code -eq 3 ] || exit $$code; \
	  echo "(exit code 3: some were refused by the gate, with reasons beside them in rejected/)"; }
	@$(HOUSESTYLE) baseline import eval/demo/agency --name agency --campaign specs/demo.yaml --out out
	@$(HOUSESTYLE) report specs/demo.yaml --baseline agency --references eval/demo/references.yaml \
	  --costs specs/costs.yaml --out out --to out/report

demo-cluster: runtime broker ## The whole house on this machine: a broker, an S3 server, two workers; submit, watch, report
	cargo build --release --locked -p housestyle -p housestyle-testkit --bins
	@target/release/cluster

test: runtime browser broker lint check-deploy test-models-quick ## Lints, docs and every test that CI runs
	HOUSESTYLE_TESTS=all cargo test --locked --workspace

lint: lint-rust lint-models ## Formatting, lints and documentation, Rust and Python

lint-rust: ## Formatting, clippy and rustdoc, warnings denied
	cargo fmt --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

lint-models: models-quick-venv ## Formatting and lints of the Python side
	cd models && .venv-quick/bin/ruff format --check && .venv-quick/bin/ruff check

test-models-quick: models-quick-venv ## The Python tests that need no PyTorch
	cd models && .venv-quick/bin/python -m pytest tests/quick

test-models: models-venv models-witness ## All Python tests; the first call installs PyTorch (5.8 GB)
	cd models && .venv/bin/python -m pytest

check-deploy: ## Check deploy/, and licences and sources of all dependencies; needs no container engine
	@deploy/check.sh

audit: check-deploy ## As check-deploy, and known vulnerabilities, whose database is fetched from the internet
	deploy/.tools/bin/cargo-deny check

sbom: check-deploy ## What the program is made of, as CycloneDX (deploy/sbom.cdx.json)
	cp deploy/.tools/sbom.json deploy/sbom.cdx.json

build: runtime ## The release binary, target/release/housestyle
	cargo build --release --locked

runtime: ## ONNX Runtime into runtime/
	@deploy/fetch-onnxruntime.sh

browser: ## A Chromium and a Japanese font, for the tests that open the report in a real browser
	@deploy/fetch-chromium.sh

broker: ## RabbitMQ as a Debian package, of which the tests start one of their own
	@deploy/install-rabbitmq.sh

soak: broker ## Many jobs on a stub engine, workers killed at random: JOBS, WORKERS, KILLS, RESTARTS, PLACE=folder
	cargo run --release --locked -p housestyle-testkit --bin soak -- --jobs $(or $(JOBS),10000) --workers $(or $(WORKERS),3) \
	  --kills $(or $(KILLS),12) --restarts $(or $(RESTARTS),2) --place $(or $(PLACE),bucket)

# The Python side is needed only to train, export, import or verify bundles. An environment is installed whole or not at all,
# and again when what is pinned changes.
PINS := $(shell cat models/pyproject.toml models/constraints.txt | sha256sum | cut -c1-16)
models-venv: models/.venv/$(PINS) ## The Python environment that trains, exports and imports (5.8 GB, most of it CUDA)
models/.venv/$(PINS):
	rm -rf models/.venv && python3 -m venv models/.venv
	cd models && PATH=$$PWD/.venv/bin:$$PATH $(PIP_INSTALL) -e '.[train,dev]'
	touch $@

# Tests that need no PyTorch take no PyTorch: 0.4 GB instead of 5.8, which CI installs in half a minute.
models-quick-venv: models/.venv-quick/$(PINS) ## The small Python environment of lint-models and test-models-quick
models/.venv-quick/$(PINS):
	rm -rf models/.venv-quick && python3 -m venv models/.venv-quick
	cd models && PATH=$$PWD/.venv-quick/bin:$$PATH $(PIP_INSTALL) -e '.[dev]'
	touch $@

models-constraints: ## Pin every Python package anew, to the newest releases that fit pyproject.toml
	rm -rf models/.venv && python3 -m venv models/.venv
	cd models && .venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[train,dev]'
	{ sed -n '/^#/p' models/constraints.txt; models/.venv/bin/python -m pip freeze --all --exclude-editable --exclude pip; } >models/constraints.part
	mv models/constraints.part models/constraints.txt
	rm -rf models/.venv

# A second witness of the training step, where its last release installs (CPython up to 3.11); elsewhere its test is skipped.
WITNESS := models/.venv-witness
models-witness: $(WITNESS)/done ## The training build of ONNX Runtime, which learns the fixture as the exported step does
$(WITNESS)/done: models/requirements-witness.txt
	@python3 -m venv $(WITNESS) && \
	if $(WITNESS)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary=:all: -r $<; then touch $@; \
	else rm -rf $(WITNESS); echo "onnxruntime-training does not install here: its test is skipped"; fi

bundle: models-venv ## Train whatever is not trained yet (resumable) and write models/emoji-houses
	cd models && ./train.sh

few-shot: runtime models-venv ## Table 1 of eval/few-shot.md; hours on two cores, resumable (out/few-shot.jsonl)
	$(MODELS) data --pngs out/drawings
	cargo run --release --locked -p housestyle-study-few-shot -- out/drawings

generation: runtime models-venv ## Tables 2 to 4 of eval/generation.md; hours on two cores, resumable (out/drawing)
	$(MODELS) data --pngs out/drawings
	cargo run --release --locked -p housestyle-study-drawing -- out/drawings --figures eval

scale: runtime ## How evidence scales: 432 images beside as many bought ones, then 5,184; seconds and peak memory
	cargo build --release --locked -p housestyle -p housestyle-study-scale --bins
	@target/release/scale

fixture: models-venv ## The tiny bundle and the reference values of the Rust tests (tests/fixtures)
	$(MODELS) export --fixture

clean: ## Remove what was built and made
	rm -rf target runtime out
